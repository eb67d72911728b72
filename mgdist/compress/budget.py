"""The budget: what may be lost, what the device allows, and how what was measured here is told for the device."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mgdist.compress.candidate import Candidate, Costs
from mgdist.errors import JobError
from mgdist.job.compress import CompressSpec
from mgdist.job.device import DeviceSpec, size_line

SHOWN: dict[str, Callable[[float], str]] = {
    "size": size_line,
    "memory": lambda v: f"{v / 1e6:.0f} MB",
    "latency": lambda v: f"{v * 1e3:.2f} ms",
}
"""How a limit and what breaks it are written."""


@dataclass(frozen=True)
class Budget:
    """What a candidate may cost.

    Attributes:
        reference: quality of the trained network on the validation split.
        drop: quality that may be lost; 0.01 is one point in a hundred.
        device: limits on size, latency and memory.
        slower: how many times longer a prediction takes on the device than on this host.
        larger: resident bytes that a process has more on the device than on this host; negative for fewer.
        measured: whether both were measured on the device, and not estimated.
    """

    reference: float
    drop: float
    device: DeviceSpec
    slower: float = 1.0
    larger: int = 0
    measured: bool = False

    @classmethod
    def of(
        cls, reference: float, compress: CompressSpec, device: DeviceSpec, candidates: Iterable[Candidate]
    ) -> "Budget":
        """Return the budget of a job.

        Args:
            reference: quality of the trained network on the validation split.
            compress: what may be lost.
            device: its limits; where it names a measurement, that takes the place of the estimate.
            candidates: among which is the one that was measured on the device.

        Raises:
            JobError: the measurement cannot be read, or is of none of the candidates.
        """
        if device.bench is None:
            return cls(reference, compress.max_accuracy_drop, device, device.estimate)
        sha256, latency, memory = _read(Path(device.bench))
        here = next((each for each in candidates if each.sha256 == sha256), None)
        if here is None:
            raise JobError(
                f"device.bench: {device.bench}: expected a measurement of a model of this run; got one of another "
                f"({sha256[:12]}); copy the run's bundle to the device and run mgdist-edge bench there"
            )
        slower, larger = latency / here.latency, memory - here.memory
        return cls(reference, compress.max_accuracy_drop, device, slower, larger, measured=True)

    @property
    def limits(self) -> dict[str, float]:
        """The limits that the device states: size and memory in bytes, latency in seconds."""
        device = self.device
        stated = {"size": device.max_size, "latency": device.max_latency, "memory": device.max_memory}
        return {name: float(limit) for name, limit in stated.items() if limit is not None}

    def on_device(self, candidate: Candidate | Costs) -> dict[str, float]:
        """Return what a candidate costs on the device: bytes of its file, seconds, resident bytes."""
        return {
            "size": float(candidate.size),
            "latency": candidate.latency * self.slower,
            "memory": float(candidate.memory + self.larger),
        }

    def excess(self, candidate: Candidate) -> dict[str, float]:
        """Return for each limit that a candidate breaks by what factor above 1 it does, minus 1.

        Quality is measured in budgets, floored at a tenth of a point, so that a budget of 0 compares too.
        """
        found = {"quality": (self.reference - candidate.quality - self.drop) / max(self.drop, 0.001)}
        return {name: by for name, by in found.items() if by > 1e-9} | self.broken(candidate)

    def broken(self, candidate: Candidate | Costs) -> dict[str, float]:
        """Return for each limit of the device that is broken by what factor above 1, minus 1."""
        costs = self.on_device(candidate)
        found = {name: costs[name] / limit - 1 for name, limit in self.limits.items()}
        return {name: by for name, by in found.items() if by > 1e-9}

    def shortcomings(self, candidate: Candidate) -> list[str]:
        """Return a phrase for each limit that a candidate breaks, with what to change."""
        return [self._quality(candidate) if name == "quality" else self._limit(name, candidate)
                for name in self.excess(candidate)]  # fmt: skip

    @property
    def told(self) -> str:
        """How the device compares with this host, in words; empty where it is this host."""
        if self.measured:
            return f"measured on the device: {self.slower:.3g} times this host's latency"
        return "" if self.slower == 1 else f"an estimate: {self.slower:g} times this host's latency"

    def _quality(self, candidate: Candidate) -> str:
        return (
            f"quality {candidate.quality:.4f} is {self.reference - candidate.quality:.4f} below the network's "
            f"{self.reference:.4f}; raise compress.max_accuracy_drop (now {self.drop:g}) or allow more compress.methods"
        )

    def _limit(self, name: str, candidate: Candidate) -> str:
        return f"{self.phrase(name, candidate)}; raise device.max_{name}, or make the model smaller"

    def phrase(self, name: str, candidate: Candidate | Costs) -> str:
        """Return how a candidate breaks a limit of the device."""
        shown, limit, cost = SHOWN[name], self.limits[name], self.on_device(candidate)[name]
        source = f" ({self.told})" if name == "latency" and self.told else ""
        return f"{name} {shown(cost)}{source} is above {shown(limit)}"


def _read(path: Path) -> tuple[str, float, int]:
    """Return which model was measured on the device, its seconds and resident bytes there."""
    try:
        told = json.loads(path.read_text())
        return str(told["model_sha256"]), float(told["p50_ms"]) / 1e3, int(told["peak_bytes"])
    except OSError as error:
        raise JobError(f"device.bench: {path}: expected a file that can be read; got: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise JobError(
            f"device.bench: {path}: expected what mgdist-edge bench BUNDLE --file F --json prints; got something else"
        ) from None
