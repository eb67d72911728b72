"""What a board tells of itself: energy, temperature, clock, throttling. What it does not tell is None."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

_RAIL = re.compile(r"(\w+)_(A|V)\s+\w+\(\d+\)=([\d.]+)")
_PAUSE = 0.1
"""Seconds between two readings of power."""
Ask = Callable[[str], str | None]


@dataclass(frozen=True)
class Energy:
    """What a stretch of work took, idle parts of the chip included.

    Attributes:
        joules: in all.
        seconds: that it lasted.
        source: which sensor says so.
    """

    joules: float
    seconds: float
    source: str


def vcgencmd(question: str) -> str | None:
    """Return what a Raspberry Pi's firmware answers; None on other boards."""
    if shutil.which("vcgencmd") is None:
        return None
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(["vcgencmd", question], capture_output=True, text=True, check=True, timeout=5)
        return done.stdout
    return None


@dataclass(frozen=True)
class Board:
    """The sensors of this machine.

    Attributes:
        system: where the kernel shows them.
        ask: the firmware of a Raspberry Pi.
    """

    system: Path = Path("/sys")
    ask: Ask = vcgencmd

    @property
    def temperature(self) -> float | None:
        """Degrees Celsius of the hottest zone."""
        found = [value / 1000 for value in self._numbers("class/thermal/thermal_zone*/temp")]
        return max(found, default=None)

    @property
    def megahertz(self) -> float | None:
        """Clock of the fastest core now."""
        found = [value / 1000 for value in self._numbers("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")]
        return max(found, default=None)

    @property
    def throttled(self) -> str | None:
        """What slows a Raspberry Pi down, as bits of its firmware: 0x0 is nothing."""
        said = self.ask("get_throttled")
        return None if said is None else said.strip().partition("=")[2] or None

    def spent(self, work: Callable[[], None]) -> Energy | None:
        """Do some work and return the energy that it took; None, and nothing is done, where no sensor tells."""
        if counters := self._counters():
            begin, before = perf_counter(), [_number(path) for path, _ in counters]
            work()
            after = [_number(path) for path, _ in counters]
            spans = zip(before, after, counters, strict=True)
            micro = sum((late - early) % (span + 1) for early, late, (_, span) in spans)
            return Energy(micro / 1e6, perf_counter() - begin, "RAPL")
        if (source := self._power()) is not None:
            name, read = source
            begin = perf_counter()
            with _sampled(read) as watts:
                work()
            seconds = perf_counter() - begin
            return Energy(seconds * sum(watts) / len(watts), seconds, name)
        return None

    def _counters(self) -> list[tuple[Path, int]]:
        """Return the counters of microjoules of each processor package, and where they begin anew."""
        found = []
        for path in sorted(self.system.glob("class/powercap/intel-rapl:[0-9]*/energy_uj")):
            if path.parent.name.count(":") == 1:
                with suppress(OSError, ValueError):
                    _number(path)
                    found.append((path, _number(path.with_name("max_energy_range_uj"))))
        return found

    def _power(self) -> tuple[str, Callable[[], float | None]] | None:
        """Return a sensor of watts: a Raspberry Pi 5's power chip, or a monitor on the board."""
        if rails(self.ask("pmic_read_adc")) is not None:
            return "pmic_read_adc", lambda: rails(self.ask("pmic_read_adc"))
        monitors = "class/hwmon/hwmon*/power1_input"
        if next(self._numbers(monitors), None) is not None:
            return "hwmon", lambda: sum(self._numbers(monitors)) / 1e6
        return None

    def _numbers(self, pattern: str) -> Iterator[int]:
        for path in sorted(self.system.glob(pattern)):
            with suppress(OSError, ValueError):
                yield _number(path)


class _sampled:  # noqa: N801 - used as a statement
    """Read a sensor again and again while something runs."""

    def __init__(self, read: Callable[[], float | None]) -> None:
        self._read, self._over, self._found = read, Event(), list[float]()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> list[float]:
        self._take()
        self._thread.start()
        return self._found

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_PAUSE):
            self._take()

    def _take(self) -> None:
        if (watts := self._read()) is not None:
            self._found.append(watts)


def rails(said: str | None) -> float | None:
    """Return the watts of all rails that ``vcgencmd pmic_read_adc`` lists with volts and amperes; None of none."""
    values: dict[str, dict[str, float]] = {}
    for rail, unit, value in _RAIL.findall(said or ""):
        values.setdefault(rail, {})[unit] = float(value)
    found = [each["A"] * each["V"] for each in values.values() if len(each) == 2]
    return sum(found) if found else None


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))
