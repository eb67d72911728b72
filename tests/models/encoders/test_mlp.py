import torch

from mgdist.models.encoders.mlp import MlpEncoder
from mgdist.models.encoders.none import NoEncoder

SAMPLES, MASK = torch.randn(1, 3, 4), torch.tensor([[1.0, 1.0, 0.0]])


def test_each_sample_goes_through_the_layers_by_itself():
    encoder = MlpEncoder(channels=4, width=6, layers=2)
    states, seen = encoder(SAMPLES, MASK)
    first, second = encoder.layers
    assert torch.allclose(states[0, 1], second(first(SAMPLES[0, 1]).relu()).relu())
    assert states[0, 2].abs().sum() == 0
    assert torch.equal(seen, MASK)


def test_without_an_encoder_the_samples_are_the_states():
    states, seen = NoEncoder()(SAMPLES, MASK)
    assert torch.equal(states, SAMPLES * MASK.unsqueeze(2))
    assert torch.equal(seen, MASK)
    assert not list(NoEncoder().parameters())
