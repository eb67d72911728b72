from copy import deepcopy

import pytest
import torch
from torch.nn import functional as F

from mgdist.models.encoders.conv import ConvEncoder
from mgdist.models.encoders.conv2d import Conv2dEncoder


def reach(encoder: ConvEncoder) -> list[int]:
    """Return how far from the sample in the middle of 41 those stand that its state sees."""
    samples = torch.randn(1, 41, 2, requires_grad=True)
    encoder(samples, torch.ones(1, 41))[0][0, 20].sum().backward()
    return (samples.grad[0].abs().sum(1).nonzero().flatten() - 20).tolist()


def test_a_state_sees_its_neighbours_and_no_further():
    encoder = ConvEncoder(channels=2, width=3, layers=2, kernels=[3])
    samples = torch.randn(1, 9, 2)
    touched = samples.clone()
    touched[0, 0] += 1
    change = (encoder(touched, torch.ones(1, 9))[0] - encoder(samples, torch.ones(1, 9))[0]).abs().sum(2)[0]
    assert (change[3:] == 0).all()


def test_dilated_layers_see_far():
    torch.manual_seed(0)
    encoder = ConvEncoder(channels=2, width=16, layers=4, kernels=[3], dilation=2)
    assert (min(reach(encoder)), max(reach(encoder))) == (-15, 15)


def test_kernels_stand_side_by_side():
    torch.manual_seed(0)
    encoder = ConvEncoder(channels=2, width=16, layers=1, kernels=[3, 9, 5])
    assert [filter.out_channels for filter in encoder.stages[0].layers[0].filters] == [6, 5, 5]
    assert reach(encoder) == list(range(-4, 5))


def test_a_depthwise_filter_has_fewer_weights_and_sees_all_channels():
    plain, apart = (ConvEncoder(channels=16, width=16, layers=1, kernels=[9], depthwise=d) for d in (False, True))
    plain_count, apart_count = (sum(p.numel() for p in e.parameters()) for e in (plain, apart))
    assert (plain_count, apart_count) == (16 * 16 * 9 + 16, 16 * 9 + 16 * 16 + 16)


def test_a_residual_layer_that_adds_nothing_leaves_the_samples():
    encoder = ConvEncoder(channels=3, width=3, layers=2, kernels=[3], residual=True)
    for layer in encoder.stages[0].layers:
        torch.nn.init.zeros_(layer.filters[0].weight)
        torch.nn.init.constant_(layer.filters[0].bias, -1.0)
    samples = torch.randn(2, 5, 3)
    assert torch.equal(encoder(samples, torch.ones(2, 5))[0], samples)


def test_dropout_acts_in_training_only():
    encoder = ConvEncoder(channels=3, width=64, layers=1, kernels=[3], dropout=0.5)
    samples, mask = torch.randn(2, 5, 3), torch.ones(2, 5)
    assert not torch.equal(encoder(samples, mask)[0], encoder(samples, mask)[0])
    encoder.eval()
    assert torch.equal(encoder(samples, mask)[0], encoder(samples, mask)[0])


def test_each_stage_after_the_first_halves_the_states_and_doubles_their_width():
    encoder = ConvEncoder(channels=3, width=8, layers=1, kernels=[3], stages=3)
    mask = (torch.arange(7) < torch.tensor([[7], [4], [1], [0]])).float()
    states, seen = encoder(torch.randn(4, 7, 3), mask)
    assert states.shape == (4, 2, 8)
    assert seen.tolist() == [[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    assert [stage.layers[0].filters[0].out_channels for stage in encoder.stages] == [2, 4, 8]


def test_halving_keeps_the_largest_real_sample_even_below_zero():
    encoder = ConvEncoder(channels=1, width=2, layers=1, kernels=[1], stages=2, residual=True)
    for parameter in encoder.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.ones_(encoder.stages[1].project.weight)
    states, _ = encoder(torch.tensor([[[-3.0], [-2.0], [-5.0]]]), torch.tensor([[1.0, 1.0, 1.0]]))
    assert states[0, :, 0].tolist() == [-2.0, -5.0]


def test_two_axes_are_pytorchs_convolutions_over_the_square():
    torch.manual_seed(0)
    encoder = Conv2dEncoder(channels=3, width=4, layers=1, kernels=[3], stages=2)
    samples = torch.randn(2, 36, 3)
    image = samples.view(2, 6, 6, 3).permute(0, 3, 1, 2)
    first, second = (stage.layers[0].filters[0] for stage in encoder.stages)
    expected = second(F.max_pool2d(first(image).relu(), 2)).relu().flatten(2).transpose(1, 2)
    states, seen = encoder(samples, torch.ones(2, 36))
    assert torch.allclose(states, expected, atol=1e-6)
    assert seen.tolist() == [[1.0] * 9] * 2


def test_valid_filters_see_nothing_but_samples():
    torch.manual_seed(0)
    encoder = ConvEncoder(channels=3, width=4, layers=2, kernels=[5, 3], dilation=2, residual=True, valid=True).eval()
    lengths = torch.tensor([20, 14, 13, 12, 3, 0])
    mask = (torch.arange(20) < lengths[:, None]).float()
    samples = torch.randn(len(lengths), 20, 3)
    states, seen = encoder(samples, mask)
    assert seen.sum(1).tolist() == [8, 2, 1, 0, 0, 0], "of 2 + 4 samples at each end none are left"
    assert states[seen == 0].abs().sum() == 0
    for place, length in enumerate(lengths[:3].tolist()):
        alone, _ = encoder(samples[place : place + 1, :length], torch.ones(1, length))
        assert torch.allclose(states[place, : length - 12], alone[0], atol=1e-6)
    first, second = (layer.filters for layer in encoder.stages[0].layers)
    row = encoder.stages[0].project(samples[:1].permute(0, 2, 1).unsqueeze(2))
    for filters, far in ((first, 1), (second, 2)):
        wide, narrow = (F.conv2d(row, each.weight, each.bias, dilation=far) for each in filters)
        seen_by = torch.cat([wide, narrow[..., far:-far]], 1)
        row = row[..., 2 * far : -2 * far] + seen_by.relu()
    assert torch.allclose(states[0], row[0, :, 0].T, atol=1e-6)


def test_valid_filters_see_nothing_but_a_square():
    torch.manual_seed(0)
    encoder = Conv2dEncoder(channels=3, width=4, layers=1, kernels=[3], valid=True)
    image = torch.randn(2, 3, 6, 6)
    states, seen = encoder(image.flatten(2).transpose(1, 2), torch.ones(2, 36))
    (only,) = encoder.stages[0].layers[0].filters
    expected = F.conv2d(image, only.weight, only.bias).relu()
    assert torch.allclose(states, expected.flatten(2).transpose(1, 2), atol=1e-6)
    assert seen.tolist() == [[1.0] * 16] * 2


@pytest.mark.parametrize("norm", ["batch", "layer", None])
@pytest.mark.parametrize("side", [5, 4])
def test_what_is_masked_of_a_square_never_changes_its_states(norm: str | None, side: int):
    torch.manual_seed(0)
    encoder = Conv2dEncoder(
        channels=3, width=8, layers=2, kernels=[3, 1], stages=3, depthwise=True, residual=True, norm=norm
    )
    mask = torch.ones(3, side, side)
    mask[0, 3:] = 0
    mask[1, :, 1:] = 0
    mask[2] = 0
    samples, mask = torch.randn(3, side * side, 3), mask.flatten(1)
    for training in (True, False):
        encoder.train(training)
        plain, seen = encoder(samples * mask.unsqueeze(2), mask)
        assert plain.shape == (3, ((side + 3) // 4) ** 2, 8)
        assert plain[seen == 0].abs().sum() == 0
        assert plain[2].abs().sum() == 0
        dirty, _ = encoder.train(training)(samples * mask.unsqueeze(2), mask)
        assert torch.equal(plain, dirty)


@pytest.mark.parametrize("norm", ["batch", "layer", None])
@pytest.mark.parametrize("residual", [True, False])
def test_a_mask_that_hides_nothing_changes_nothing(norm: str | None, residual: bool):
    torch.manual_seed(0)
    encoder = Conv2dEncoder(channels=3, width=8, layers=2, kernels=[3], stages=2, residual=residual, norm=norm)
    other, samples, mask = deepcopy(encoder), torch.randn(4, 25, 3), torch.ones(4, 25)
    for training in (True, False):
        states, seen = encoder.train(training)(samples, mask)
        grid, shown = samples.view(4, 5, 5, 3).permute(0, 3, 1, 2), mask.view(4, 1, 5, 5)
        for stage in other.train(training).stages:
            grid, shown = stage(grid, shown)
        assert torch.allclose(states, grid.permute(0, 2, 3, 1).flatten(1, 2), atol=1e-5)
        assert torch.equal(seen, shown.flatten(1))
    for mine, theirs in zip(encoder.buffers(), other.buffers(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
