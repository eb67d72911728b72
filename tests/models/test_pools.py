import pytest
import torch
from torch import nn

from mgdist.models.pools import AllPool, AttentionPool, LastPool, MaxPool, MeanPool

WIDTH = 4


MADE = {
    "mean": MeanPool,
    "max": MaxPool,
    "attention": lambda: AttentionPool(width=WIDTH),
    "heads": lambda: AttentionPool(width=WIDTH, heads=2),
    "last": LastPool,
}


@pytest.fixture(params=MADE)
def pool(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return MADE[request.param]()


def test_masked_samples_do_not_count(pool: nn.Module):
    states = torch.randn(2, 3, WIDTH)
    alone = pool(states, torch.ones(2, 3))
    padded = torch.cat([states, torch.randn(2, 5, WIDTH) * 100], 1)
    mask = torch.cat([torch.ones(2, 3), torch.zeros(2, 5)], 1)
    assert torch.allclose(pool(padded, mask), alone, atol=1e-6)


def test_a_unit_without_samples_gives_zeros(pool: nn.Module):
    assert pool(torch.randn(1, 3, WIDTH), torch.zeros(1, 3)).tolist() == [[0.0] * WIDTH]


def test_a_unit_of_one_sample_is_that_sample(pool: nn.Module):
    states = torch.randn(2, 3, WIDTH) - 5.0
    assert torch.allclose(pool(states, torch.tensor([[1.0, 0.0, 0.0]] * 2)), states[:, 0], atol=1e-6)


def test_the_gradient_of_a_padded_unit_is_that_of_the_unit_alone(pool: nn.Module):
    def gradient(padding: int) -> torch.Tensor:
        torch.manual_seed(1)
        states = (torch.randn(2, 3, WIDTH) - 2.0).requires_grad_()
        padded = torch.cat([states, torch.zeros(2, padding, WIDTH)], 1)
        mask = torch.cat([torch.ones(2, 3), torch.zeros(2, padding)], 1)
        (pool(padded, mask) * torch.randn(2, WIDTH)).sum().backward()
        return states.grad

    assert torch.allclose(gradient(0), gradient(4), atol=1e-6)


def test_mean_and_max_are_those_of_the_real_samples():
    states = torch.tensor([[[-4.0], [-2.0], [7.0]]])
    mask = torch.tensor([[1.0, 1.0, 0.0]])
    assert MeanPool()(states, mask).item() == -3.0
    assert MaxPool()(states, mask).item() == -2.0


def test_the_last_state_is_that_of_the_last_real_sample():
    states = torch.tensor([[[1.0], [2.0], [3.0]]]).expand(3, 3, 1)
    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert LastPool()(states, mask).tolist() == [[2.0], [3.0], [0.0]]


@pytest.mark.parametrize("padded", [2, 4, 5])
def test_all_states_stand_side_by_side_however_a_batch_is_padded(padded: int):
    states, mask = torch.full((1, padded, 2), 9.0), torch.zeros(1, padded)
    states[0, :2] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    mask[0, :2] = 1
    assert AllPool(count=4)(states, mask).tolist() == [[1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]]


def test_heads_weigh_their_parts_of_the_numbers_each_by_itself():
    torch.manual_seed(0)
    pool = AttentionPool(width=WIDTH, heads=2)
    states, mask = torch.randn(1, 3, WIDTH), torch.ones(1, 3)
    weights = torch.softmax(pool.score(torch.tanh(pool.hidden(states))), 1)
    expected = [(states[0, :, 2 * head : 2 * head + 2] * weights[0, :, head, None]).sum(0) for head in range(2)]
    assert torch.allclose(pool(states, mask)[0], torch.cat(expected), atol=1e-6)
