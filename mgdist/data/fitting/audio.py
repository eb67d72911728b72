"""Fit an audio input: the rate of the recordings, and the mean and spread of each mel band."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mgdist.errors import DataError
from mgdist.job.audio import AudioSpec
from mgdist_edge.audio import AudioInput, LevelOut, capacity, heard_of
from mgdist_edge.errors import InputError
from mgdist_edge.mel import MelSpectrum
from mgdist_edge.recordings import Recording, decode
from mgdist_edge.windows import Window


def fit_audio(
    values: Sequence[Recording],
    spec: AudioSpec,
    levels: Mapping[str, Window],
) -> AudioInput:
    """Fit an audio input to the training split.

    Args:
        values: recordings of the training split only, as ``AudioInput.read`` takes them.
        spec: how they become frames.
        levels: granularity -> window.

    Raises:
        DataError: a recording cannot be read, or a band hears nothing.
    """
    spectrum = _spectrum(spec, spec.rate)
    longest = spectrum.count(round(spec.longest * spectrum.rate))
    quiet = 0.0 if spec.trim is None else 10 ** (-spec.trim / 10)
    mean, std = _moments(values, spectrum, min(longest, capacity(levels)), spec.level_out, quiet)
    return AudioInput(levels, spectrum, longest, tuple(mean.tolist()), tuple(std.tolist()), spec.level_out, quiet)


def _spectrum(spec: AudioSpec, rate: int) -> MelSpectrum:
    """Return how frames are computed, in readings.

    Raises:
        DataError: fmax is beyond half the rate, a frame has no readings, or a band lies between two frequencies.
    """
    highest = rate / 2 if spec.fmax is None else spec.fmax
    if not spec.fmin < highest <= rate / 2:
        raise DataError(f"data.input.fmax: expected fmin < fmax <= {rate / 2:g} Hz, half the rate; got {highest:g}")
    frame, hop = round(spec.frame * rate), round(spec.hop * rate)
    if frame < 2 or hop < 1:
        raise DataError(f"data.input.frame: expected at least 2 readings a frame and 1 a hop; got {frame} and {hop}")
    spectrum = MelSpectrum(rate, frame, hop, spec.mels, spec.fmin, highest, spec.mel_scale, spec.floor)
    if deaf := int((~spectrum.filters.any(1)).sum()):
        advice = "make mels smaller, or frame longer"
        raise DataError(
            f"data.input.mels: {deaf} of {spec.mels} bands lie between two frequencies of a frame; {advice}"
        )
    return spectrum


def _moments(
    values: Sequence[Recording], spectrum: MelSpectrum, longest: int, level_out: LevelOut, quiet: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each band over all frames of all recordings, (M,) each."""
    count, total, squares = 0, np.zeros(spectrum.bands), np.zeros(spectrum.bands)
    for row, value in enumerate(values, 1):
        try:
            frames = heard_of(decode(value, spectrum.rate), spectrum, longest, level_out, quiet)
        except InputError as error:
            raise DataError(f"data.input: row {row}: {error}") from None
        count, total, squares = count + len(frames), total + frames.sum(0), squares + (frames**2).sum(0)
    if not count:
        raise DataError("data.input: expected at least one recording to fit to; got none")
    mean = total / count
    std = np.sqrt(np.maximum(0, squares / count - mean**2))
    if (still := std < 1e-6).any():
        reason = f"band {int(still.argmax()) + 1} of {spectrum.bands} never changes: the recordings are silent there"
        raise DataError(f"data.input: {reason}; make fmax smaller, fmin larger, or floor smaller")
    return mean, std
