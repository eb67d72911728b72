import torch
from torch import nn

from mgdist.compress.importance import Effects
from mgdist.models.encoders.norms import BatchNorm


def test_an_effect_is_that_of_an_output_that_becomes_zero() -> None:
    torch.manual_seed(2)
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1, bias=False))
    x, effects, expected = torch.randn(5, 3), Effects(network), torch.zeros(4)
    for batch in (x, -x):
        network.zero_grad()
        network(batch).sum().backward()
        effects.add()
        hidden = network[0](batch)  # the loss is linear in them, so that the first order is all
        expected += (hidden * network[1].weight).sum(0).abs()
    torch.testing.assert_close(effects.worth[network[0]], expected.detach())
    assert list(effects.worth) == list(network)


def test_a_norm_tells_the_effect_of_its_channels_where_the_filter_before_it_cannot() -> None:
    torch.manual_seed(2)
    network = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), BatchNorm(width=3))
    effects = Effects(network)
    network[1](network[0](torch.randn(8, 2, 4, 4)), None).square().mean().backward()
    effects.add()
    filter, norm = (effects.worth[layer] for layer in network)
    assert filter.max() < 1e-3 * norm.min(), "a norm takes any scale of the filter away again"
