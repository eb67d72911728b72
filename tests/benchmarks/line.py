"""Seconds of each stage of the main job, from its receipts.

python -m tests.benchmarks line
"""

import argparse
import json
import subprocess
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
        done = subprocess.run(
            mgdist("submit", job, "--fresh", *words),
            cwd=ROOT, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        wall = time.perf_counter() - begin
        if done.returncode:
            raise SystemExit(f"jobs/{options.job}.yaml: ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        receipts = [json.loads(path.read_text()) for path in Path(folder).glob("*/*T*/*/receipt.json")]
        receipts.sort(key=lambda receipt: str(receipt["finished"]))
        rows: list[tuple[str, float]] = [(receipt["stage"], receipt["seconds"]) for receipt in receipts]
        rows += [("start, end and between", wall - sum(seconds for _, seconds in rows)), ("**all**", wall)]
        table([f"stage of jobs/{options.job}.yaml", "seconds"], rows)
        print("\nThe table that it ended with:\n\n```")
        lines = done.stdout.splitlines()
        first = max(place for place, line in enumerate(lines) if line.strip() == options.job)
        print("\n".join(line.rstrip() for line in lines[first:] if folder not in line).rstrip() + "\n```")


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("--job", default="doc_cls")
    options.add_argument("--data", type=Path, default=None, help="folder of the real sets, where the job needs one")
    main(options.parse_args())
