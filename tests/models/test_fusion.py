import torch

from mgdist.models.fusion import ConcatFusion, Even, GatedFusion

SUMMARIES = [torch.randn(2, 3), torch.randn(2, 5)]


def test_concat_is_as_wide_as_all_levels():
    fusion = ConcatFusion(widths=[3, 5])
    assert fusion.width == 8
    assert torch.equal(fusion(SUMMARIES), torch.cat(SUMMARIES, 1))


def test_a_gate_that_prefers_one_level_gives_its_projection():
    fusion = GatedFusion(widths=[3, 5], width=4)
    torch.nn.init.zeros_(fusion.gate.weight)
    with torch.no_grad():
        fusion.gate.bias.copy_(torch.tensor([50.0, -50.0]))
    assert fusion.width == 4
    assert torch.allclose(fusion(SUMMARIES), fusion.project[0](SUMMARIES[0]), atol=1e-6)


def test_even_summaries_have_the_same_length_whatever_came():
    short, long = Even(levels=2)([torch.tensor([[0.3, 0.4]]), torch.tensor([[300.0, 400.0]])])
    assert torch.allclose(short, long, atol=1e-3)


def test_an_empty_summary_stays_zero():
    assert Even(levels=1)([torch.zeros(1, 3)])[0].tolist() == [[0.0, 0.0, 0.0]]
