import torch

from mgdist.models.embedding import Embedding


def test_a_sample_is_the_sum_of_its_rows():
    embedding = Embedding(rows=9, width=4)
    ids = torch.tensor([[[1, 7], [2, 0]]], dtype=torch.int32)
    samples = embedding(ids)
    assert torch.allclose(samples[0, 0], embedding.weight[1] + embedding.weight[7])
    assert torch.allclose(samples[0, 1], embedding.weight[2])


def test_padding_is_zero_and_learns_nothing():
    embedding = Embedding(rows=9, width=4)
    embedding(torch.tensor([[[1, 0], [0, 0]]], dtype=torch.int32)).square().sum().backward()
    assert embedding.weight[0].abs().sum() == 0
    assert embedding.weight.grad[0].abs().sum() == 0
    assert embedding.weight.grad[1].abs().sum() > 0


def test_rows_start_scaled_by_what_is_given():
    torch.manual_seed(0)
    scale = torch.linspace(0, 3, 2000)
    embedding = Embedding(rows=2000, width=64, scale=scale)
    spread = embedding.weight.std(1)
    assert torch.allclose(spread[1000:], Embedding.SPREAD * scale[1000:], rtol=0.4)


def test_the_first_numbers_start_as_given_and_the_padding_stays_zero():
    embedding = Embedding(rows=5, width=4)
    columns = torch.randn(5, 2)
    embedding.begin_with(columns)
    ratio = embedding.weight[1:, :2] / columns[1:]
    assert torch.allclose(ratio, ratio[0, 0].expand(4, 2))
    assert embedding.weight[0].abs().sum() == 0


def test_word_dropout_drops_whole_rows_and_keeps_the_mean():
    torch.manual_seed(0)
    embedding = Embedding(rows=3, width=4, word_dropout=0.25)
    samples = embedding(torch.ones(1, 4000, 1, dtype=torch.int32))[0]
    dropped = samples.abs().sum(1) == 0
    assert abs(dropped.float().mean() - 0.25) < 0.03
    assert torch.allclose(samples[~dropped] * 0.75, embedding.weight[1].expand_as(samples[~dropped]))
    embedding.eval()
    assert torch.allclose(embedding(torch.ones(1, 1, 1, dtype=torch.int32))[0, 0], embedding.weight[1])
