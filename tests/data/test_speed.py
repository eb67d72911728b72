import numpy as np
import pytest

from mgdist.data.speed import at_speed

RATE = 8000


def tone(hertz: float, seconds: float = 0.5) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def loudest(recording: np.ndarray) -> float:
    """Return the frequency of a tone, in Hz."""
    spectrum = np.abs(np.fft.rfft(recording * np.hanning(len(recording))))
    return float(spectrum.argmax() * RATE / len(recording))


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.0, 1.25])
def test_a_faster_recording_is_shorter_and_higher_by_the_same_factor(factor: float) -> None:
    heard = at_speed(tone(1000), factor)
    assert heard.dtype == np.float32
    assert len(heard) == round(4000 / factor)
    assert loudest(heard) == pytest.approx(1000 * factor, abs=3)


def test_what_would_lie_above_half_the_rate_is_left_out() -> None:
    assert np.abs(at_speed(tone(3900), 1.25)[200:-200]).max() < 0.05


def test_readings_are_rounded_as_16_bits_do_and_stay_within_bounds() -> None:
    heard = at_speed(np.sign(tone(50)), 0.9)
    assert np.abs(heard).max() <= 1
    np.testing.assert_array_equal(heard * 2**15, np.rint(heard * 2**15))


def test_of_a_single_reading_one_is_left() -> None:
    assert len(at_speed(np.array([0.5], np.float32), 2.0)) == 1
