"""From a recording to samples: frames of a logarithmic mel spectrum, in segments.

A sample is a frame, or the mean of a few. The levels are named after their units. A unit of ``segment`` is a run of
frames. ``clip`` comes above it and has one unit, the recording, whose samples are the segments; with a scale, or
without the level ``segment``, it reads the frames itself. Audio is ragged: recordings differ in length. What is beyond
the longest, or beyond the only unit of ``clip``, is left out.

Legend: T frames, M mel bands, N units.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.levels import levels_json, read_levels
from mgdist_edge.mel import MelSpectrum
from mgdist_edge.recordings import decode
from mgdist_edge.views import Views
from mgdist_edge.windows import Window

LEVELS = ("segment", "clip")
"""The levels that a recording can be read at, finest first."""
LevelOut = Literal["nothing", "loudest", "mean", "spread"]
_LEVEL_OUT: tuple[LevelOut, ...] = ("nothing", "loudest", "mean", "spread")
_STILL = 0.1
"""Deviation of a band, below which it is not made louder: nothing is heard in it."""
_HEARD, _MARGIN = 50, 100
"""Parts of a second: over how long the loudness of a reading is measured, and what is kept before and behind."""
_FASTEST, _MOST_BANDS, _MOST_FRAMES = 1_000_000, 1024, 2**24


@dataclass(frozen=True)
class AudioInput:
    """The fitted numbers that turn a recording into frames.

    Attributes:
        levels: granularity -> window, finest first; a scale is in frames.
        spectrum: how a frame is computed; it knows the rate.
        longest: frames that are read of a recording at most.
        mean: (M,) of the training split, by band.
        std: (M,) of the training split, by band.
        level_out: what is taken out of each recording by itself, before mean and std; see :func:`levelled`.
        quiet: share of a recording's loudest power below which its ends are left out; see :func:`trimmed`.
    """

    levels: Mapping[str, Window]
    spectrum: MelSpectrum
    longest: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    level_out: LevelOut = "nothing"
    quiet: float = 0.0

    kind = "audio"
    axes = 1

    @property
    def channels(self) -> dict[str, int]:
        """Numbers of a sample, by level that reads frames."""
        return {level: self.spectrum.bands for level, window in self.levels.items() if window.scale is not None}

    @cached_property
    def capacity(self) -> int:
        """Frames that the levels take at most."""
        return min(self.longest, capacity(self.levels))

    def read(self, raw: object) -> NDArray[np.float32]:
        """Return the readings of a recording, (T,) from -1 to 1.

        Args:
            raw: the path or the bytes of a WAV or FLAC file; or, at the input's rate, bytes of little-endian int16, an
                int16 array, or an array of numbers from -1 to 1. Several channels of a file become their mean.

        Raises:
            InputError: it cannot be read, is empty, has another rate, or holds NaN.
        """
        return decode(raw, self.spectrum.rate)

    def views(self, raw: object) -> Views:
        """Read one recording at every level, without padding.

        Returns:
            samples (T, M) float32 for each level that reads frames, with mean 0 and standard deviation 1 over the
            frames of the training split; T is smaller by the level's scale, and the last sample is the mean of what is
            left.

        Raises:
            InputError: as ``read``.
        """
        heard = heard_of(self.read(raw), self.spectrum, self.capacity, self.level_out, self.quiet)
        frames = (heard - self._mean) / self._std
        samples: list[NDArray[np.generic] | None] = []
        lengths: list[NDArray[np.int32]] = []
        for window in self.levels.values():
            level = None if window.scale is None else _averaged(frames, window.scale)
            samples.append(level)
            lengths.append(_lengths(len(lengths[-1]) if level is None else len(level), window.length))
        return Views(tuple(samples), tuple(lengths))

    @cached_property
    def _mean(self) -> NDArray[np.float64]:
        return np.array(self.mean)

    @cached_property
    def _std(self) -> NDArray[np.float64]:
        return np.array(self.std)

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        return {
            "kind": self.kind,
            "levels": levels_json(self.levels),
            "spectrum": asdict(self.spectrum),
            "longest": self.longest,
            "mean": list(self.mean),
            "std": list(self.std),
            "level_out": self.level_out,
            **({"quiet": self.quiet} if self.quiet else {}),
        }


def heard_of(
    readings: NDArray[np.float32], spectrum: MelSpectrum, most: int, level_out: LevelOut, quiet: float
) -> NDArray[np.float64]:
    """Return the frames of a recording before they are normalised, (T, M), at most so many; see :class:`AudioInput`."""
    return levelled(spectrum.of(trimmed(readings, spectrum.rate, quiet), most), level_out)


def levelled(frames: NDArray[np.float64], what: LevelOut) -> NDArray[np.float64]:
    """Return the frames of one recording without what is alike in all of them: the voice, the microphone, the room.

    After Atal, "Effectiveness of Linear Prediction Characteristics of the Speech Wave for Automatic Speaker
    Identification and Verification", JASA, 1974 (the mean), and Viikki and Laurila, "Cepstral Domain Segmental Feature
    Vector Normalization for Noise Robust Speech Recognition", Speech Communication, 1998 (mean and spread).

    Args:
        frames: (T, M) logarithms of the power in each band.
        what: ``nothing``; ``loudest``: the largest number of all, so how loud the recording is; ``mean``: of each band
            over the frames; ``spread``: the mean, and the deviation is made 1.
    """
    if what == "nothing":
        return frames
    if what == "loudest":
        louder: NDArray[np.float64] = frames - frames.max()
        return louder
    centred: NDArray[np.float64] = frames - frames.mean(0)
    if what == "spread":
        centred /= np.maximum(frames.std(0), _STILL)
    return centred


def trimmed(readings: NDArray[np.float32], rate: int, quiet: float) -> NDArray[np.float32]:
    """Return a recording without its quiet ends: the silence around a word is the room's, and moves the word about.

    Args:
        readings: (T,) from -1 to 1.
        rate: readings a second.
        quiet: share of the loudest power, over a fiftieth of a second, below which an end is left out but for a
            hundredth of a second; 0 leaves nothing out.
    """
    if not quiet:
        return readings
    # Whole sums from the front on, so that another language comes to the very same numbers.
    power, half = np.concatenate([[0.0], np.cumsum(readings.astype(np.float64) ** 2)]), max(1, rate // _HEARD // 2)
    places = np.arange(len(readings))
    heard = power[np.minimum(places + half, len(readings))] - power[np.maximum(places - half, 0)]
    loud = np.flatnonzero(heard > heard.max() * quiet)
    if not len(loud):
        return readings
    return readings[max(0, loud[0] - rate // _MARGIN) : loud[-1] + 1 + rate // _MARGIN]


def capacity(levels: Mapping[str, Window]) -> int:
    """Return how many frames fit into the one unit of ``clip``; without that level there is no bound."""
    if "clip" not in levels:
        return _MOST_FRAMES
    clip = levels["clip"]
    if clip.scale is not None:
        return clip.length * clip.scale
    segment = levels["segment"]
    return clip.length * segment.length * (segment.scale or 1)


def _averaged(frames: NDArray[np.float64], scale: int) -> NDArray[np.float32]:
    """Return the means of runs of frames, (T / scale, M); the last run may be shorter."""
    if scale == 1:
        return frames.astype(np.float32)
    starts = np.arange(0, len(frames), scale)
    sizes = np.minimum(scale, len(frames) - starts)
    return cast(NDArray[np.float32], (np.add.reduceat(frames, starts) / sizes[:, None]).astype(np.float32))


def _lengths(samples: int, longest: int) -> NDArray[np.int32]:
    starts = np.arange(0, samples, longest)
    return np.minimum(longest, samples - starts).astype(np.int32)


def read_audio(fields: Fields) -> AudioInput:
    """Return the audio input that a manifest describes.

    Args:
        fields: as ``AudioInput.as_json`` gives them.

    Raises:
        BundleError: a field is missing, of the wrong type, out of bounds, or contradicts another.
    """
    spectrum = _read_spectrum(fields.inner("spectrum"))
    std = _numbers(fields, "std", spectrum.bands)
    if min(std) <= 0:
        raise BundleError(f"{fields.where}.std: expected numbers above 0; got {min(std)}; make the bundle again")
    level_out = fields.line("level_out") if "level_out" in fields.values else "nothing"
    if level_out not in _LEVEL_OUT:
        expected = "nothing, loudest, mean or spread"
        raise BundleError(f"{fields.where}.level_out: expected {expected}; got {level_out!r}; upgrade mgdist-edge")
    quiet = fields.number("quiet") if "quiet" in fields.values else 0.0
    if not 0 <= quiet < 1:
        raise BundleError(f"{fields.where}.quiet: expected a number from 0 to 1; got {quiet}; make the bundle again")
    return AudioInput(
        levels=read_levels(fields.inner("levels"), LEVELS),
        spectrum=spectrum,
        longest=fields.whole("longest", least=1, most=_MOST_FRAMES),
        mean=_numbers(fields, "mean", spectrum.bands),
        std=std,
        level_out=level_out,
        quiet=quiet,
    )


def _read_spectrum(fields: Fields) -> MelSpectrum:
    if (scale := fields.line("scale")) not in ("slaney", "htk"):
        raise BundleError(f"{fields.where}.scale: expected slaney or htk; got {scale!r}; upgrade mgdist-edge")
    spectrum = MelSpectrum(
        rate=fields.whole("rate", least=1, most=_FASTEST),
        frame=fields.whole("frame", least=2, most=_FASTEST),
        hop=fields.whole("hop", least=1, most=_FASTEST),
        bands=fields.whole("bands", least=1, most=_MOST_BANDS),
        lowest=fields.number("lowest"),
        highest=fields.number("highest"),
        scale=cast(Literal["slaney", "htk"], scale),
        floor=fields.number("floor"),
    )
    if not 0 <= spectrum.lowest < spectrum.highest <= spectrum.rate / 2 or spectrum.floor <= 0:
        expected = "0 <= lowest < highest <= rate / 2, and floor > 0"
        raise BundleError(f"{fields.where}: expected {expected}; got others; make the bundle again")
    return spectrum


def _numbers(fields: Fields, name: str, count: int) -> tuple[float, ...]:
    listed = fields.many(name, least=count, most=count)
    return tuple(listed.number(place) for place in listed)
