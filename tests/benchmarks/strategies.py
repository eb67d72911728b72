"""Accuracy against compute: joint, staged (both orders) and growing training on the same data and seeds.

    python -m tests.benchmarks strategies --data FOLDER --sets bbc_news --seeds 3 --json found.json --plot found.svg

The product's loop and its torch engine run in this process, without Ray. For each seed the goal is the best
validation accuracy of joint training. A strategy reaches it at the first epoch of its last phase, whose network is
what ships, that is as good; the compute up to there counts all of its phases. Each strategy also runs with half of
the epochs in its last phase, and so does joint training, since a schedule that ends earlier falls earlier.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

from mgdist.data.dataset import Dataset
from mgdist.job.image import ImageSpec
from mgdist.job.load import load
from mgdist.job.point import at_point, checked
from mgdist.job.spec import Job
from tests.benchmarks.setting import ROOT, overrides, parser, table, told

TEXT = {
    "word": {"length": 32, "encoder": {"kind": "conv", "kernel": 3, "residual": True}, "pool": ["mean", "max"]},
    "sentence": {"length": 8, "encoder": {"kind": "bag"}, "pool": ["mean", "max"]},
    "paragraph": {"length": 16, "encoder": {"kind": "bag"}, "pool": ["mean", "max"]},
}
CONV = {"kind": "conv", "kernel": 3, "layers": 1, "stages": 2}
IMAGE = {
    "patch": {"length": 14, "scale": 1, "encoder": CONV, "pool": ["mean", "max"]},
    "image": {"length": 14, "scale": 2, "encoder": CONV, "pool": ["all"]},
}
SETS: dict[str, dict[str, Any]] = {
    "bbc_news": {
        "input": {"kind": "text", "columns": "text", "vocabulary": 20000, "min_count": 2},
        "levels": TEXT,
        "model": {"width": 32, "norm": "rms", "dropout": 0.3},
        "train": {"epochs": 6, "batch_size": 32, "lr": 0.005, "weight_decay": 0.0},
    },
    "fashion_mnist": {
        "input": {"kind": "image", "column": "image", "size": [28, 28], "channels": 1},
        "levels": IMAGE,
        "model": {"width": 32, "dropout": 0.2},
        "train": {"epochs": 6, "batch_size": 64, "lr": 0.003},
    },
}
"""Jobs that no file of jobs/ holds; the other sets are those of jobs/."""


@dataclass(frozen=True)
class Curve:
    """One training.

    Attributes:
        strategy: as it is shown.
        seed: of weights and order.
        phases: of each epoch.
        flops: at the end of each epoch, of the whole training.
        seconds: the same, of this process on its cores, with the validations: other programs do not count.
        accuracy: on the validation split.
    """

    strategy: str
    seed: int
    phases: tuple[str, ...]
    flops: tuple[float, ...]
    seconds: tuple[float, ...]
    accuracy: tuple[float, ...]

    @property
    def shipping(self) -> list[int]:
        """The epochs of the last phase."""
        return [place for place, phase in enumerate(self.phases) if phase == "joint"]

    @property
    def best(self) -> float:
        """The best accuracy of what would ship."""
        return max(self.accuracy[place] for place in self.shipping)

    def reaches(self, goal: float) -> int | None:
        """Return the first epoch of the last phase that is as good; None where there is none."""
        return next((place for place in self.shipping if self.accuracy[place] >= goal), None)


def main(options: argparse.Namespace) -> None:
    import torch

    from mgdist.data.prepare import prepare as read

    torch.set_num_threads(options.threads)
    found: dict[str, list[Curve]] = {}
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-strategies-") as folder:
        for name in options.sets:
            job = job_of_set(name, options)
            dataset = read(job, Path(folder) / name)
            found[name] = []
            for strategy, point in strategies(job).items():
                if options.only and strategy not in options.only:
                    continue
                for seed in range(job.seed, job.seed + options.seeds):
                    found[name].append(curve(strategy, at_point(job, point), dataset, seed))
                    last = found[name][-1]
                    print(name, strategy, seed, f"{last.best:.4f} {last.flops[-1]:.3g}", file=sys.stderr, flush=True)
                _save(options, found)
            table(HEAD, rows(found[name]))
            print(f"\n{name}: {len(dataset.train):,} rows to learn from, {len(dataset.valid):,} to validate on.")


HEAD = ["strategy", "best validation accuracy", "FLOPs in all", "CPU seconds in all", "as good as joint", "FLOPs to it",
        "times joint's", "CPU seconds to it"]  # fmt: skip


def _save(options: argparse.Namespace, found: dict[str, list[Curve]]) -> None:
    if options.json:
        told = {name: [asdict(each) for each in curves] for name, curves in found.items()}
        options.json.write_text(json.dumps(told, indent=1))
    if options.plot:
        options.plot.write_text(picture(found))


def job_of_set(name: str, options: argparse.Namespace) -> Job:
    """Return the job of a data set with the overrides of the command line."""
    limit = [f"data.limit={options.limit}"] if options.limit else []
    more = [*limit, "train.engine.kind=torch", "search=null", *options.set]
    if name not in SETS:
        path = ROOT / "jobs" / f"{name}.yaml"
        return load(path, overrides(path, options.data, more))
    about, folder = SETS[name], options.data.resolve() / name
    source = {"kind": "files", "train": str(folder / "train.parquet"), "test": str(folder / "test.parquet")}
    document = {
        "name": name,
        "task": {"kind": "classify", "label": "label"},
        "data": {"source": source, "input": about["input"], "limit": options.limit},
        "granularities": about["levels"],
        "model": about["model"],
        "train": about["train"],
    }
    job, mistakes = checked(document)
    assert job is not None, mistakes
    return job


def strategies(job: Job) -> dict[str, dict[str, Any]]:
    """Return what is laid over a job, by the name of the strategy."""
    first, *_ = job.granularities
    kinds: dict[str, dict[str, Any]] = {
        "joint": {"kind": "joint"},
        "staged, fine to coarse": {"kind": "staged", "order": "fine_to_coarse"},
        "staged, coarse to fine": {"kind": "staged", "order": "coarse_to_fine"},
    }
    if first == "word":
        kinds["grow, 4 then 8 sentences"] = {"kind": "grow", "steps": [{"units": {first: n}} for n in (4, 8)]}
    half = max(1, job.train.epochs // 2)
    lengths = {"": job.train.epochs} | ({f", {half} epochs": half} if half < job.train.epochs else {})
    found = {
        f"{name}{told}": {"train.strategy": kind, "train.epochs": epochs}
        for told, epochs in lengths.items()
        for name, kind in kinds.items()
    }
    if isinstance(job.inputs.get("input"), ImageSpec) and (third := job.train.epochs // 3):
        scale = {name: 2 for name, level in job.granularities.items() if "all" not in level.pool}
        grow = {"kind": "grow", "steps": [{"epochs": job.train.epochs - third, "scale": scale}]}
        found[f"grow, at half the size for {job.train.epochs - third} of {job.train.epochs} epochs"] = {
            "train.strategy": grow, "train.epochs": third,
        }  # fmt: skip
    return found


def curve(strategy: str, job: Job, dataset: Dataset, seed: int) -> Curve:
    """Train one job; its seed is that of weights and order, and the split stays as it is."""
    from mgdist.train.prepare import prepare
    from mgdist.train.progress import Progress

    training, spent, progress = prepare(job.model_copy(update={"seed": seed}), dataset), [process_time()], Progress()
    for reached in training.epochs():
        progress = reached
        spent.append(process_time())
    history = progress.history
    return Curve(
        strategy,
        seed,
        tuple(epoch.phase for epoch in history),
        tuple(epoch.flops for epoch in history),
        tuple(each - spent[0] for each in spent[1:]),
        tuple(epoch.quality for epoch in history),
    )


def rows(curves: list[Curve]) -> list[list[object]]:
    """Return a row for each strategy: means over the seeds, and to the goal those of the seeds that reach it."""
    goals = {each.seed: each for each in curves if each.strategy == "joint"}
    found: list[list[object]] = []
    for name in dict.fromkeys(each.strategy for each in curves):
        mine = [each for each in curves if each.strategy == name]
        bests = [each.best for each in mine]
        reached = [(each, place) for each in mine if (place := each.reaches(goals[each.seed].best)) is not None]
        ratios = [each.flops[place] / _own(goals[each.seed]) for each, place in reached]
        found.append([
            name, f"{fmean(bests):.4f} ({min(bests):.4f} to {max(bests):.4f})",
            f"{fmean(each.flops[-1] for each in mine):.3g}", f"{fmean(each.seconds[-1] for each in mine):.1f}",
            f"{len(reached)} of {len(mine)}", f"{fmean(e.flops[p] for e, p in reached):.3g}" if reached else "",
            f"{fmean(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if reached else "",
            f"{fmean(e.seconds[p] for e, p in reached):.1f}" if reached else "",
        ])  # fmt: skip
    return found


def _own(joint: Curve) -> float:
    """Return the compute at which joint training reaches its own best."""
    place = joint.reaches(joint.best)
    assert place is not None
    return joint.flops[place]


COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#7f7f7f", "#ff9896", "#98df8a", "#c5b0d5")
WIDTH, HEIGHT, EDGE = 640, 300, 50


def picture(found: dict[str, list[Curve]]) -> str:
    """Return an SVG: for each data set, validation accuracy of what would ship against FLOPs, a line each training."""
    panels = [_panel(name, curves, place * HEIGHT) for place, (name, curves) in enumerate(found.items()) if curves]
    size = f'width="{WIDTH + 220}" height="{HEIGHT * len(panels)}"'
    body = "\n".join(panels)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">\n{body}\n</svg>\n'


def _panel(name: str, curves: list[Curve], top: int) -> str:
    most = max(each.flops[-1] for each in curves)
    values = [each.accuracy[place] for each in curves for place in each.shipping]
    low, high = min(values), max(values)
    spread = (high - low) or 1.0

    def at(flops: float, accuracy: float) -> str:
        x = EDGE + flops / most * (WIDTH - 2 * EDGE)
        return f"{x:.1f},{top + HEIGHT - EDGE - (accuracy - low) / spread * (HEIGHT - 2 * EDGE):.1f}"

    names = list(dict.fromkeys(each.strategy for each in curves))
    lines = [f'<text x="{EDGE}" y="{top + 20}" font-size="14">{name}: validation accuracy against FLOPs</text>']
    for each in curves:
        colour = COLOURS[names.index(each.strategy) % len(COLOURS)]
        points = " ".join(at(each.flops[place], each.accuracy[place]) for place in each.shipping)
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3"/>')
    for place, strategy in enumerate(names):
        colour = COLOURS[place % len(COLOURS)]
        lines.append(f'<text x="{WIDTH - 20}" y="{top + 50 + 16 * place}" fill="{colour}">{strategy}</text>')
    lines.append(f'<text x="{EDGE}" y="{top + HEIGHT - 15}">0</text>')
    lines.append(f'<text x="{WIDTH - EDGE - 30}" y="{top + HEIGHT - 15}">{most:.2g} FLOPs</text>')
    lines += [f'<text x="5" y="{at(0, value).split(",")[1]}">{value:.3f}</text>' for value in (low, high)]
    return "\n".join(lines)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--sets", nargs="+", default=["bbc_news", "fashion_mnist", "newsgroups", "imdb"])
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--limit", type=int, help="rows of each split at most")
    options.add_argument("--only", nargs="+", help="names of the strategies to do; joint must be among them")
    options.add_argument("--json", type=Path, help="where the curves are written")
    options.add_argument("--plot", type=Path, help="where an SVG is written")
    main(options.parse_args())
