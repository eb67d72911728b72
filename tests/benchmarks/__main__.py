"""Run a benchmark by its name: ``python -m tests.benchmarks NAME [options]``."""

import runpy
import sys
from pathlib import Path

WITHOUT_A_COMMAND = {"__init__", "__main__", "setting", "padded"}
NAMES = sorted({path.stem for path in Path(__file__).parent.glob("*.py")} - WITHOUT_A_COMMAND)


def main(arguments: list[str]) -> None:
    """Hand the options over to a benchmark, which reads them from ``sys.argv``."""
    if not arguments or arguments[0] not in NAMES:
        sys.exit(f"usage: python -m tests.benchmarks NAME [--help]; NAME is one of {', '.join(NAMES)}")
    sys.argv = [f"python -m tests.benchmarks {arguments[0]}", *arguments[1:]]
    runpy.run_module(f"tests.benchmarks.{arguments[0]}", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
