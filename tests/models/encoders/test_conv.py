import torch

from mgdist.models.encoders.conv import ConvEncoder


def test_a_state_sees_its_neighbours_and_no_further():
    encoder = ConvEncoder(channels=2, width=3, layers=2, kernel=3)
    samples = torch.randn(1, 9, 2)
    touched = samples.clone()
    touched[0, 0] += 1
    change = (encoder(touched, torch.ones(1, 9)) - encoder(samples, torch.ones(1, 9))).abs().sum(2)[0]
    assert (change[3:] == 0).all()


def test_a_residual_layer_that_adds_nothing_leaves_the_samples():
    encoder = ConvEncoder(channels=3, width=3, layers=2, kernel=3, residual=True)
    for layer in encoder.layers:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.constant_(layer.bias, -1.0)
    samples = torch.randn(2, 5, 3)
    assert torch.equal(encoder(samples, torch.ones(2, 5)), samples)


def test_dropout_acts_in_training_only():
    encoder = ConvEncoder(channels=3, width=64, layers=1, kernel=3, dropout=0.5)
    samples, mask = torch.randn(2, 5, 3), torch.ones(2, 5)
    assert not torch.equal(encoder(samples, mask), encoder(samples, mask))
    encoder.eval()
    assert torch.equal(encoder(samples, mask), encoder(samples, mask))
