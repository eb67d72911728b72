import torch

from mgdist.models.encoders.bag import BagEncoder

MASK = torch.tensor([[1.0, 1.0, 0.0]])


def test_samples_of_the_right_width_pass_as_they_are():
    encoder = BagEncoder(channels=4, width=4)
    samples = torch.randn(1, 3, 4)
    assert torch.equal(encoder(samples, MASK)[0], samples * MASK.unsqueeze(2))
    assert not list(encoder.parameters())


def test_other_samples_are_projected_each_by_itself():
    encoder = BagEncoder(channels=4, width=2)
    samples = torch.randn(1, 3, 4)
    assert torch.allclose(encoder(samples, MASK)[0][0, 1], encoder.project(samples[0, 1]))
