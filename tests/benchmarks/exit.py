"""What stopping early saves and costs: a bundle that stops when sure, beside itself reading all.

    python -m tests.benchmarks exit RUN [--budget 0.005] [--anew]

RUN is the folder of a finished run of a job that reads one text and gives one label. Where its bundle carries an exit,
that is measured; else, and with --anew, one is chosen on the validation split, as ``compress.exit`` does. Accuracy is
that of the whole test split. Each document of --documents is timed once each way, from text to label, in blocks of 25
that take turns, on one thread: by the clock, and by the processor's time in the thread, in which other programs do not
count.
"""

import argparse
import gc
import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, thread_time

import numpy as np
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset
from mgdist.export.exits import choose_exit, measure_exit, read_in_parts
from mgdist_edge.bundle import Bundle
from mgdist_edge.exits import Exit
from mgdist_edge.predictor import Predictor
from tests.benchmarks.setting import parser, table, told

BLOCK, WARM = 25, 100


def main(options: argparse.Namespace) -> None:
    run = options.run.resolve()
    with told():
        (path,) = (run / "bundle").glob("*.tflite")
        step = json.loads((run / "bundle" / "shipped.json").read_text())["step"]
        data = Dataset.open(run / f"prune_{step}" / "data" if step else run / "data")
        bundle = Bundle.open(path)
        carried = None if options.anew else bundle.manifest.exit
        found = (carried, 0.0) if carried else chosen(bundle, data, options.budget)
        if found is None:
            print(f"No exit that saves anything keeps a drop of {options.budget:g} on the validation split.")
            return
        # Each with an input of its own, or the second of them would find the words that the first has looked up.
        early, full = Predictor(Bundle.open(path)), Predictor(Bundle.open(path), exit=False)
        early.exit = found[0]
        measured = measure_exit(Predictor(bundle), data.test, *found)
        texts = [next(iter(data.test.raw(row).values())) for row in spread(len(data.test), options.documents)]
        warm = [next(iter(data.valid.raw(row).values())) for row in spread(len(data.valid), WARM)]
        timed([full, early], warm)
        ms = 1000 * timed([full, early], texts)
        tell(ms, [(measured.whole, 0.0, 1.0), (measured.accuracy, measured.stopped, measured.read)])
        print(f"\n{bundle.manifest.name}, {bundle.manifest.method}: {measured}")


def chosen(bundle: Bundle, data: Dataset, budget: float) -> tuple[Exit, float] | None:
    """Choose an exit on the validation split."""
    return choose_exit(read_in_parts(bundle, data.valid), budget)


def spread(rows: int, count: int) -> range:
    """Return evenly chosen rows."""
    return range(0, rows, max(1, rows // count))[:count]


def timed(contestants: Sequence[Predictor], texts: Sequence[object]) -> NDArray[np.float64]:
    """Return the seconds of each on each text by the clock and of the processor, (texts, contestants, 2)."""
    seconds = np.zeros((len(texts), len(contestants), 2))
    gc.disable()
    for start in range(0, len(texts), BLOCK):
        for column, predictor in enumerate(contestants):
            for place, text in enumerate(texts[start : start + BLOCK], start):
                clock, processor = perf_counter(), thread_time()
                predictor.predict(text)  # type: ignore[arg-type]
                seconds[place, column] = perf_counter() - clock, thread_time() - processor
    gc.enable()
    return seconds


def tell(ms: NDArray[np.float64], scores: Sequence[tuple[float, float, float]]) -> None:
    rows = []
    for place, name in enumerate(("all read", "stopping when sure")):
        accuracy, stopped, read = scores[place]
        means = [float(each) for each in ms[:, place].mean(0)]
        middle = float(np.median(ms[:, place, 0]))
        less = f"{ms[:, 0, 0].mean() / means[0]:.2f}, {ms[:, 0, 1].mean() / means[1]:.2f}"
        rows.append([name, f"{accuracy:.4f}", f"{stopped:.1%}", f"{read:.1%}", middle, *means, less])
    head = ["", "test accuracy", "stop early", "units read", "median ms", "mean ms", "mean processor ms", "times less"]
    table(head, rows)


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("run", type=Path, metavar="RUN")
    options.add_argument("--documents", type=int, default=1000, help="of the test split that are timed, evenly chosen")
    options.add_argument("--budget", type=float, default=0.005, help="accuracy that may be lost; default 0.005")
    options.add_argument("--anew", action="store_true", help="choose an exit also where the bundle carries one")
    main(options.parse_args())
