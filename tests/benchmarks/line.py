"""Seconds of each stage of the main job, from its receipts.

python -m tests.benchmarks line
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.setting import ROOT, environment, mgdist, overrides, parser, table, told


def main(options: argparse.Namespace) -> None:
    job = ROOT / "jobs" / f"{options.job}.yaml"
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-line-") as folder:
        given = overrides(job, options.data, [*options.set, f"run.folder={folder}"])
        words = [word for override in given for word in ("--set", override)]
        begin = time.perf_counter()
        lines, code = followed(mgdist("submit", job, "--fresh", *words))
        wall = time.perf_counter() - begin
        if code:
            raise SystemExit(f"jobs/{options.job}.yaml: ended with exit code {code}")
        receipts = [json.loads(path.read_text()) for path in Path(folder).glob("*/*T*/*/receipt.json")]
        receipts.sort(key=lambda receipt: str(receipt["finished"]))
        rows: list[tuple[str, float]] = [(receipt["stage"], receipt["seconds"]) for receipt in receipts]
        rows += [("start, end and between", wall - sum(seconds for _, seconds in rows)), ("**all**", wall)]
        table([f"stage of jobs/{options.job}.yaml", "seconds"], rows)
        print("\nThe table that it ended with:\n\n```")
        first = max(place for place, line in enumerate(lines) if line.strip() == options.job)
        print("\n".join(line.rstrip() for line in lines[first:] if folder not in line).rstrip() + "\n```")


def followed(command: list[str]) -> tuple[list[str], int]:
    """Run a command; pass on what it says as it says it, and return that and its exit code."""
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", file=sys.stderr, flush=True)
            lines.append(line.rstrip("\n"))
    return lines, process.returncode


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("--job", default="doc_cls")
    options.add_argument("--data", type=Path, default=None, help="folder of the real sets, where the job needs one")
    main(options.parse_args())
