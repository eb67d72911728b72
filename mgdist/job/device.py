"""What the device allows, and what it is."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.strict import Bytes, Folder, Seconds, Spec, as_tuple

Profile = Literal[
    "host", "raspberry_pi_5", "raspberry_pi_4", "raspberry_pi_3", "raspberry_pi_zero_2", "phone", "browser", "compat"
]
Runtime = Literal["litert", "tflite_2_14"]


@dataclass(frozen=True)
class ProfileFacts:
    """What is taken for granted of a kind of device.

    Attributes:
        slower: how many times longer a prediction takes there than on one core of a usual x86-64 server: an estimate.
        runtime: that is installed there.
    """

    slower: float
    runtime: Runtime = "litert"


PROFILES: dict[Profile, ProfileFacts] = {
    "host": ProfileFacts(1.0),
    "raspberry_pi_5": ProfileFacts(2.5),
    "raspberry_pi_4": ProfileFacts(5.0),
    "raspberry_pi_3": ProfileFacts(10.0),
    "raspberry_pi_zero_2": ProfileFacts(14.0),
    "phone": ProfileFacts(2.0),
    "browser": ProfileFacts(2.0),
    "compat": ProfileFacts(10.0, "tflite_2_14"),
}
"""The boards' ratios to each other are those of published single-core sysbench figures (2737, 1478 and 687 events a
second for 5, 4 and 3B+; the Zero 2 has the cores of a 3 at 1.0 instead of 1.4 GHz); the distance of a Pi 5 from a
server's core, and the phone's and the browser's, are guesses. ``device.bench`` replaces all of it by a measurement."""


class DeviceSpec(Spec):
    """Limits of the bundle on the device, measured on this host with the edge runtime."""

    profile: Profile = "host"
    """the kind of device: says how much slower than this host it is (an estimate: raspberry_pi_5 2.5, raspberry_pi_4
    5, raspberry_pi_3 10, raspberry_pi_zero_2 14, phone and browser 2, compat 10) and which runtime it has; compat is
    an old or 32-bit device with tflite-runtime 2.14"""
    slower: Annotated[float, Field(gt=0)] | None = None
    """how many times longer a prediction takes there than on this host; null: as the profile says"""
    runtime: Runtime | None = None
    """litert: ai-edge-litert 2.1 or newer, or a browser; tflite_2_14: tflite-runtime 2.14, for which only formats are
    tried that it computes rightly; null: that of the profile"""
    bench: Folder | None = None
    """what `mgdist-edge bench BUNDLE --json` printed on the device, as a file; it replaces the estimate, and is what
    --device-bench sets"""
    max_size: Annotated[Bytes | None, Field(gt=0)] = None
    """bytes of the bundle, such as 2 MB; null: no limit"""
    max_latency: Annotated[Seconds | None, Field(gt=0)] = None
    """median time of a prediction from raw input on one thread of the device, such as 20 ms; null: no limit"""
    max_memory: Annotated[Bytes | None, Field(gt=0)] = None
    """resident memory at its peak, such as 120 MB; null: no limit"""
    unit_counts: Annotated[tuple[int, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=6)] = (1, 4, 16)
    """units that one call of a level takes: one signature each; they share their weights"""

    @property
    def has(self) -> Runtime:
        """The runtime of the device."""
        return self.runtime or PROFILES[self.profile].runtime

    @property
    def estimate(self) -> float:
        """How many times longer a prediction takes there than on this host, unless that was measured."""
        return self.slower if self.slower is not None else PROFILES[self.profile].slower


def size_line(count: int | float) -> str:
    """Return a number of bytes as people read it."""
    for unit, bytes_ in (("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_ / 10:
            return f"{count / bytes_:.2f} {unit}"
    return f"{count:.0f} B"
