"""A process beside a worker, which ends it when nothing is heard of it: also one that was stopped or waits for ever.

Run by its path, with the worker's process id, the seconds to wait, the file of events, and what to write there if it
had to act, or if the worker ended without farewell while the kernel killed something for memory. It hears one byte now
and then. Nothing but the standard library is loaded.
"""

import os
import select
import signal
import sys
from pathlib import Path

FAREWELL = b"q"


def watch(worker: int, seconds: float) -> str:
    """Return how a worker ended: well, lost, killed for memory, or hung, which means silent for so long; it is killed.

    Args:
        worker: its process.
        seconds: of silence.
    """
    before, heard = killed_for_memory(), b""
    while select.select([0], [], [], seconds)[0]:
        last, heard = heard, os.read(0, 4096)
        if not heard:
            lost = "memory" if killed_for_memory() > before else "lost"
            return "well" if last.endswith(FAREWELL) else lost
    os.kill(worker, signal.SIGKILL)
    return "hung"


def killed_for_memory() -> int:
    """Return how many processes the kernel has killed for want of memory since it started; 0 where it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def main(worker: str, seconds: str, file: str, *lines: str) -> None:
    """Watch, and write what there is to write; lines are KIND=TEXT."""
    told = dict(line.split("=", 1) for line in lines)
    kind = watch(int(worker), float(seconds))
    if kind in told:
        with Path(file).open("a") as notes:
            notes.write(told[kind] + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
