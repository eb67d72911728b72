"""Audio inputs: where the recordings are, and how they become frames."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from mgdist.job.strict import Seconds, Spec, as_tuple

Speed = Annotated[float, Field(ge=0.5, le=2)]

GRANULARITIES = ("segment", "clip")
"""The levels that a recording can be read at, finest first, named after their units: runs of frames, whole recordings.
One of them is enough; a clip above segments builds on them, or with a scale reads the frames itself, so many averaged
into one."""


class AudioAugmentSpec(Spec):
    """How training recordings are varied each time they are heard; masks after Park et al., "SpecAugment", 2019."""

    speed: Annotated[tuple[Speed, ...], BeforeValidator(as_tuple), Field(max_length=16)] = ()
    """speeds at which a recording is heard beside its own, such as [0.9, 1.1]; slower is lower too (Ko et al., "Audio
    Augmentation for Speech Recognition", 2015); each is cut and kept beside the recording itself"""
    warp: float = Field(0.0, ge=0, le=0.5)
    """bands are moved by a factor of up to 1 +- this, as another vocal tract does (Jaitly and Hinton, 2013)"""
    frames: int = Field(0, ge=0)
    """widest run of frames that is masked; each has a width from 0 to this"""
    bands: int = Field(0, ge=0)
    """widest run of mel bands that is masked"""
    times: int = Field(1, ge=1, le=10)
    """masks of each sort in a recording"""
    share: float = Field(0.5, gt=0, le=1)
    """a run of frames is at most this share of its recording"""


class AudioSpec(Spec):
    """Recordings: segments of frames of a mel spectrum."""

    kind: Literal["audio"]
    column: str = "audio"
    """column of the recordings: bytes of int16, of a WAV or of a FLAC file, arrays, or paths of files"""
    rate: int = Field(ge=1000, le=384_000)
    """readings a second of every recording; another one is refused, resample it before"""
    rate_column: str | None = None
    """column that says the rate of each recording, so that another one is found; files of sound say it themselves"""
    mels: int = Field(40, ge=4, le=512)
    """mel bands, so numbers of a frame"""
    frame: Seconds = Field(0.025, gt=0, le=1)
    """length of a frame, such as 25 ms"""
    hop: Seconds = Field(0.01, gt=0, le=1)
    """from the start of a frame to that of the next, such as 10 ms"""
    fmin: float = Field(0.0, ge=0)
    """lowest frequency that is heard, in Hz"""
    fmax: float | None = Field(None, gt=0)
    """highest frequency that is heard, in Hz; null: half the rate"""
    mel_scale: Literal["slaney", "htk"] = "slaney"
    """where the bands lie"""
    floor: float = Field(1e-10, gt=0)
    """power that the logarithm sees at least"""
    longest: Seconds = Field(10.0, gt=0, le=600)
    """of a longer recording the rest is left out"""
    trim: float | None = Field(None, gt=0, le=120)
    """decibels below the loudest fiftieth of a second of a recording, from which on its ends are left out as silence,
    such as 25; null: they are read"""
    level_out: Literal["nothing", "loudest", "mean", "spread"] = "nothing"
    """what is taken out of each recording, so that voices and microphones that were never heard are more like those
    that were: loudest, how loud its loudest band is, for short recordings, of which the mean is what they say; band by
    band its mean over the frames; or its mean and spread"""
    augment: AudioAugmentSpec | None = None
    """how recordings are varied while training; null: they are not"""

    @model_validator(mode="after")
    def _agree(self) -> "AudioSpec":
        highest = self.rate / 2 if self.fmax is None else self.fmax
        if self.fmin >= highest:
            raise ValueError(f"expected fmin below {highest:g} Hz; got {self.fmin:g}")
        if self.fmax is not None and self.fmax > self.rate / 2:
            raise ValueError(f"expected fmax of at most half the rate, {self.rate / 2:g} Hz; got {self.fmax:g}")
        if self.hop > self.frame:
            raise ValueError(
                f"expected hop of at most frame, {self.frame:g} s; got {self.hop:g}; readings would be lost"
            )
        return self
