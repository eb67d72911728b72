import numpy as np

from mgdist.data.spec_augment import masked, varied_frames, warped
from mgdist.job.audio import AudioAugmentSpec

OWNERS = np.array([0, 0, 0, 1, 1])
SIZES = [10, 10, 4, 10, 3]
MASK = np.array([[place < size for place in range(10)] for size in SIZES])
SAMPLES = MASK[:, :, None].repeat(16, axis=2).astype(np.float32)


def hidden(seed: int = 0, **asked: object) -> list[np.ndarray]:
    """Return for each recording (frames, bands), where it was masked."""
    found = masked(SAMPLES, MASK, OWNERS, np.random.default_rng(seed), AudioAugmentSpec(**asked))
    assert found.dtype == SAMPLES.dtype
    assert not found[~MASK].any()
    return [found[owner == OWNERS][MASK[owner == OWNERS]] == 0 for owner in (0, 1)]


def runs(line: np.ndarray) -> int:
    return int((np.diff(np.pad(line.astype(int), 1)) == 1).sum())


def test_a_run_of_frames_goes_through_the_units_of_its_recording() -> None:
    widths, crossing = set(), 0
    for seed in range(200):
        for frames in hidden(seed, frames=5):
            line = frames.all(1)
            assert (frames.any(1) == line).all()
            assert runs(line) <= 1
            widths.add(int(line.sum()))
            crossing += bool(line[9] and line[10])
    assert widths == {0, 1, 2, 3, 4, 5}
    assert crossing > 20


def test_a_run_of_bands_is_the_same_in_all_units_of_a_recording() -> None:
    widths = set()
    for seed in range(100):
        for bands in hidden(seed, bands=3):
            assert (bands == bands[0]).all()
            assert runs(bands[0]) <= 1
            widths.add(int(bands[0].sum()))
    assert widths == {0, 1, 2, 3}


def test_frames_are_masked_to_a_share_of_the_recording_at_most() -> None:
    found = [[int(frames.all(1).sum()) for frames in hidden(seed, frames=99, share=0.25)] for seed in range(200)]
    assert np.max(found, axis=0).tolist() == [24 // 4, 13 // 4]


def test_recordings_are_masked_otherwise_and_the_same_seed_masks_the_same() -> None:
    first, again, other = (hidden(seed, frames=5, bands=5, times=2) for seed in (1, 1, 2))
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_nothing_is_masked_unless_asked_and_the_batch_is_not_changed() -> None:
    assert not any(frames.any() for frames in hidden())
    assert (SAMPLES[MASK] == 1).all()


def ramp() -> np.ndarray:
    """Return units whose bands count up from 0, so that a band tells where it came from."""
    return np.broadcast_to(np.arange(16, dtype=np.float32), (5, 10, 16)).copy()


def test_bands_are_stretched_by_one_factor_a_recording() -> None:
    found = warped(ramp(), OWNERS, np.random.default_rng(1), 0.2)
    assert found.dtype == np.float32
    factors = found[:, :, 1]
    for owner in (0, 1):
        assert np.ptp(factors[owner == OWNERS]) == 0
        factor = factors[owner == OWNERS][0, 0]
        assert 0.8 <= factor <= 1.2
        expected = np.minimum(np.arange(16) * factor, 15)
        np.testing.assert_allclose(found[owner == OWNERS][0, 0], expected, atol=1e-5)
    assert factors[0, 0] != factors[-1, 0]


def test_without_masks_bands_are_only_moved_and_without_anything_nothing_is_done() -> None:
    drawn = varied_frames(ramp(), MASK, OWNERS, np.random.default_rng(1), AudioAugmentSpec(warp=0.2))
    np.testing.assert_array_equal(drawn, warped(ramp(), OWNERS, np.random.default_rng(1), 0.2))
    assert (
        varied_frames(ramp(), MASK, OWNERS, np.random.default_rng(1), AudioAugmentSpec(speed=(0.9,))) == ramp()
    ).all()
