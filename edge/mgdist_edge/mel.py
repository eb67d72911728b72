"""Logarithmic mel spectra: what of a recording an ear tells apart.

Frames under a Hann window, their power spectrum, triangular bands that are equally wide on the mel scale, the
logarithm. Computed in numpy alone; a test compares it with ``librosa.feature.melspectrogram(center=False)``.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

Scale = Literal["slaney", "htk"]


@dataclass(frozen=True)
class MelSpectrum:
    """How a recording becomes frames.

    Attributes:
        rate: readings a second.
        frame: readings of a frame; the transform is as long as the next power of two.
        hop: readings from the start of a frame to that of the next.
        bands: M, mel bands; each is divided by its width, so that noise is equally loud in all (Slaney, 1998).
        lowest: where the first band begins, in Hz.
        highest: where the last band ends, in Hz.
        scale: ``slaney``: straight up to 1 kHz, logarithmic above; ``htk``: 2595 log10(1 + f / 700).
        floor: power that the logarithm sees at least.
    """

    rate: int
    frame: int
    hop: int
    bands: int
    lowest: float
    highest: float
    scale: Scale = "slaney"
    floor: float = 1e-10

    @property
    def size(self) -> int:
        """Readings of the transform."""
        return 1 << (self.frame - 1).bit_length()

    def count(self, readings: int) -> int:
        """Return how many frames a recording has: those that lie in it, at least one."""
        return 1 + max(0, readings - self.frame) // self.hop

    def of(self, readings: NDArray[np.float32], most: int | None = None) -> NDArray[np.float64]:
        """Return the logarithm of the power in each band.

        Args:
            readings: (T,); a recording shorter than a frame is followed by silence.
            most: frames at most; what is behind them is not looked at.

        Returns:
            (frames, M), the natural logarithm.
        """
        count = self.count(len(readings)) if most is None else min(most, self.count(len(readings)))
        needed = (count - 1) * self.hop + self.frame
        heard = np.pad(readings[:needed].astype(np.float64), (0, max(0, needed - len(readings))))
        frames = np.lib.stride_tricks.sliding_window_view(heard, self.frame)[:: self.hop]
        spectrum = np.fft.rfft(frames * self._window, self.size)
        power = spectrum.real**2 + spectrum.imag**2
        return cast(NDArray[np.float64], np.log(np.maximum(power @ self.filters.T, self.floor)))

    @cached_property
    def _window(self) -> NDArray[np.float64]:
        """The periodic Hann window."""
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.frame) / self.frame)

    @cached_property
    def filters(self) -> NDArray[np.float64]:
        """How much of each frequency each band hears, (M, size / 2 + 1)."""
        frequencies = np.fft.rfftfreq(self.size, 1 / self.rate)
        low, high = _mels(np.array([self.lowest, self.highest]), self.scale)
        edges = _hertz(np.linspace(low, high, self.bands + 2), self.scale)
        below, middle, above = (edges[start : start + self.bands, None] for start in range(3))
        rising, falling = (frequencies - below) / (middle - below), (above - frequencies) / (above - middle)
        triangles = np.maximum(0, np.minimum(rising, falling))
        return triangles * 2 / (above - below)


_STRAIGHT = 200 / 3
"""Hz of a mel below 1 kHz, after Slaney's Auditory Toolbox."""
_BEND = 15.0
"""Mels at 1 kHz."""
_STEP = np.log(6.4) / 27
"""Logarithm of the ratio of two frequencies a mel apart above 1 kHz."""


def _mels(hertz: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    if scale == "htk":
        return 2595 * np.log10(1 + hertz / 700)
    return np.where(hertz < 1000, hertz / _STRAIGHT, _BEND + np.log(np.maximum(hertz, 1000) / 1000) / _STEP)


def _hertz(mels: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    if scale == "htk":
        return 700 * (10 ** (mels / 2595) - 1)
    return np.where(mels < _BEND, mels * _STRAIGHT, 1000 * np.exp(_STEP * (np.maximum(mels, _BEND) - _BEND)))
