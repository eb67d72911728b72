"""Stand-ins for a Raspberry Pi: the edge runtime's wheel on emulated aarch64 and armv7.

They prove that the answers are right; how long anything takes there means nothing.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOARDS = Path(os.environ.get("MGDIST_BOARDS", ROOT / ".venv" / "arm"))
"""Where ``make .venv/arm`` puts them."""
MISSING = "needs emulated Arm boards, on Debian as root; make them with: make .venv/arm"


@dataclass(frozen=True)
class Board:
    """An emulated board.

    Attributes:
        machine: as the board itself says.
        architecture: as Debian calls it.
        emulator: the program, and the processor that it plays. ``max`` is wrong: there qemu 7.2 computes int8 wrongly.
        wheel: folder with the unpacked wheel of mgdist-edge.
    """

    machine: str
    architecture: str
    emulator: tuple[str, ...]
    wheel: Path

    @property
    def root(self) -> Path:
        return BOARDS / self.architecture

    @cached_property
    def libraries(self) -> str:
        """Debian's numpy finds these only where it was installed, and not only unpacked."""
        folders = [each for each in self.root.glob("usr/lib/arm-linux-*") if each.is_dir()]
        return os.pathsep.join(str(each / inner) for each in folders for inner in ("blas", "lapack", "."))

    def python(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run Python there, with the wheel and what it needs."""
        packages = os.pathsep.join(map(str, (self.wheel, BOARDS / f"{self.architecture}-packages")))
        own = ["-E", f"LD_LIBRARY_PATH={self.libraries}"] if self.libraries else []
        command = [*self.emulator, *own, "-L", self.root, self.root / "usr" / "bin" / "python3.11", "-B", *arguments]
        environment = {"PYTHONPATH": packages, "HOME": str(self.wheel), "PATH": os.environ["PATH"]}
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=False, timeout=900, env=environment
        )


def need_boards() -> None:
    """Skip where nobody made the boards; ``make test`` makes them."""
    if not (BOARDS / "made").is_file():
        pytest.skip(MISSING)


def wheel(folder: Path) -> Path:
    """Build the wheel of mgdist-edge as it is now, and return where it is unpacked."""
    source, built, unpacked = folder / "edge", folder / "wheel", folder / "unpacked"
    shutil.copytree(ROOT / "edge", source, ignore=shutil.ignore_patterns("node_modules", "build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # fmt: off
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", built, source],
                   check=True, capture_output=True, env=os.environ | {"MGDIST_EDGE_PURE": "1"})
    (file,) = built.glob("mgdist_edge-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", unpacked, file],
                   check=True, capture_output=True)
    # fmt: on
    return unpacked


def aarch64(wheel: Path) -> Board:
    """A Raspberry Pi 4 with a system of 64 bits, and LiteRT."""
    return Board("aarch64", "arm64", ("qemu-aarch64-static", "-cpu", "cortex-a72"), wheel)


def armv7(wheel: Path) -> Board:
    """A board of 32 bits, with tflite-runtime 2.14: profile compat."""
    return Board("armv7l", "armhf", ("qemu-arm-static", "-cpu", "cortex-a7"), wheel)
