import torch

from mgdist.models.encoders.bag import BagEncoder
from mgdist.models.level import Level
from mgdist.models.pools import MaxPool, MeanPool

SAMPLES, MASK = torch.tensor([[[1.0, -1.0], [3.0, -5.0], [9.0, 9.0]]]), torch.tensor([[1.0, 1.0, 0.0]])


def test_pools_stand_side_by_side():
    level = Level(encoder=BagEncoder(channels=2, width=2), pools=[MeanPool(), MaxPool()])
    assert level(SAMPLES, MASK).tolist() == [[2.0, -3.0, 3.0, -1.0]]


def test_a_skip_puts_the_samples_in_front_over_the_root_of_their_number():
    level = Level(encoder=BagEncoder(channels=2, width=1), pools=[MaxPool()], skip=True)
    vectors = level(SAMPLES, MASK)
    assert vectors.shape == (1, 3)
    assert torch.allclose(vectors[0, :2], torch.tensor([4.0, -6.0]) / 2**0.5)


def test_a_level_gives_its_states_too_and_says_which_are_real():
    level = Level(encoder=BagEncoder(channels=2, width=2), pools=[MeanPool()])
    states, seen = level.states(SAMPLES, MASK)
    assert states.tolist() == [[[1.0, -1.0], [3.0, -5.0], [0.0, 0.0]]]
    assert torch.equal(seen, MASK)
