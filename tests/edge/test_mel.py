import librosa
import numpy as np
import pytest

from mgdist_edge.mel import MelSpectrum, Scale

RATE = 8000
READINGS = np.random.default_rng(1).normal(0, 0.1, 5000).astype(np.float32)


def spectrum(frame: int = 256, hop: int = 100, scale: Scale = "slaney", lowest: float = 0.0) -> MelSpectrum:
    return MelSpectrum(RATE, frame, hop, 24, lowest, 3800.0, scale)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("frame", [256, 200])
def test_bands_are_those_of_librosa(scale: Scale, frame: int) -> None:
    before = (256 - frame) // 2  # librosa puts a short window into the middle of the transform
    power = librosa.feature.melspectrogram(
        y=np.pad(READINGS.astype(np.float64), (before, 256)),
        sr=RATE,
        n_fft=256,
        win_length=frame,
        hop_length=100,
        center=False,
        n_mels=24,
        fmin=100,
        fmax=3800,
        htk=scale == "htk",
        dtype=np.float64,
    )
    ours = spectrum(frame, 100, scale, 100.0).of(READINGS)
    assert ours.shape == ((5000 - frame) // 100 + 1, 24)
    np.testing.assert_allclose(np.exp(ours), power.T[: len(ours)], rtol=1e-9)


def test_a_short_recording_is_one_frame_followed_by_silence() -> None:
    ours = spectrum().of(READINGS[:50])
    np.testing.assert_array_equal(ours, spectrum().of(np.pad(READINGS[:50], (0, 206))))
    assert ours.shape == (1, 24)


def test_silence_is_the_floor() -> None:
    assert (spectrum().of(np.zeros(300, np.float32)) == np.log(1e-10)).all()


def test_what_is_behind_the_longest_is_not_looked_at() -> None:
    # A product of other sizes is added up in another order, so that the last digit may differ.
    np.testing.assert_allclose(spectrum().of(READINGS, 7), spectrum().of(READINGS)[:7], rtol=1e-12)
    np.testing.assert_array_equal(spectrum().of(READINGS, 700), spectrum().of(READINGS))
