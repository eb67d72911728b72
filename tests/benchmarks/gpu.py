"""A transformer of at least 100 million parameters on one GPU: bfloat16, DeepSpeed ZeRO 1 to 3, beside a bare loop.

    python -m tests.benchmarks gpu --peak 989

Prints samples/s, memory and the share of the accelerator's peak (TFLOP/s in bfloat16, as its data sheet says) of plain
torch and of ZeRO 1 to 3 through mgdist, and of a bare loop over blocks of the same size with torch.compile and scaled
dot product attention. The turns are interleaved in one process. It has not been run: there was no GPU.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

from tests.benchmarks.setting import parser, table, told

WIDTH, LAYERS, HEADS, LENGTH, BATCH, CLASSES = 768, 14, 12, 128, 64, 3
WARM = 10
"""Steps before those that are timed."""
ENGINES = {"mgdist, torch": {"kind": "torch"}} | {
    f"mgdist, ZeRO {stage}": {"kind": "deepspeed", "stage": stage} for stage in (1, 2, 3)
}


class Block(nn.Module):
    """What a person would write: attention by torch's own operator, then a feed-forward block."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.ask, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feed = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.ReLU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.ask(self.first(x)).view(*x.shape[:2], 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)
        x = x + self.out(seen)
        return x + self.feed(self.second(x))


def bare(steps: int) -> float:
    """Return the seconds of a step of the bare loop."""
    blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
    network = nn.Sequential(nn.Embedding(1000, WIDTH), blocks, nn.LayerNorm(WIDTH)).cuda()
    head = nn.Linear(WIDTH, CLASSES).cuda()
    compiled = torch.compile(network)
    learner = torch.optim.AdamW([*network.parameters(), *head.parameters()], lr=1e-4, fused=True)
    ids = torch.randint(1000, (BATCH, LENGTH), device="cuda")
    labels = torch.randint(CLASSES, (BATCH,), device="cuda")

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = F.cross_entropy(head(compiled(ids).mean(1)).float(), labels)
        learner.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*network.parameters(), *head.parameters()], 1.0)
        learner.step()

    return timed(step, steps)


def ours(folder: Path, engine: dict[str, object], steps: int) -> tuple[float, int]:
    """Return the seconds of a step through an engine of mgdist, and how many parameters learn."""
    from functools import partial

    import numpy as np

    from mgdist.data.batches import batch
    from mgdist.data.dataset import Dataset
    from mgdist.job.phases import phases
    from mgdist.train.losses import of_phase
    from mgdist.train.prepare import prepare
    from tests.train.corpus import job as small_job

    encoder = {"kind": "transformer", "layers": LAYERS, "heads": HEADS, "expansion": 4}
    point = {"granularities": {"word": {"length": LENGTH, "encoder": encoder, "pool": ["mean"]}}}
    job = small_job(folder / "corpus.jsonl", model__width=WIDTH, train__batch_size=BATCH, train__engine=engine,
                    train__precision="bfloat16", **point)  # fmt: skip
    data = Dataset.open(folder / "data")
    training, (phase,) = prepare(job, data), phases(job)
    training.engine.begin(phase, fresh=False)
    wanted = partial(of_phase, phase=phase, tasks=data.tasks, weights={}, smoothing=0.0)
    some = batch(data.train, np.arange(BATCH))
    seconds = timed(lambda: training.engine.step([some], wanted, 1e-4), steps)
    return seconds, sum(weight.numel() for weight in training.network.parameters())


def timed(step: object, steps: int) -> float:
    """Return the seconds of a step, after some that warm up."""
    assert callable(step)
    for _ in range(WARM):
        step()
    torch.cuda.synchronize()
    at = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - at) / steps


def main(options: argparse.Namespace) -> None:
    if not torch.cuda.is_available():
        raise SystemExit("gpu: expected a GPU that torch can use; found none; run it where there is one")
    import torch.distributed as dist

    from mgdist.data.prepare import prepare as prepare_data
    from tests.train.corpus import job as small_job
    from tests.train.corpus import write_corpus

    with told(), tempfile.TemporaryDirectory(prefix="mgdist-gpu-") as name:
        folder = Path(name)
        os.environ["LOCAL_RANK"] = "0"
        dist.init_process_group("nccl", init_method=f"file://{folder}/meeting", rank=0, world_size=1)
        words = " ".join(["tide", "wing", "clay", "the"] * (LENGTH // 4)) + "."
        write_corpus(folder / "corpus.jsonl", 400)
        lines = (folder / "corpus.jsonl").read_text().splitlines()
        filled = [f'{{"text": "{words}", "label": {line.rpartition(": ")[2]}' for line in lines]
        (folder / "corpus.jsonl").write_text("\n".join(filled) + "\n")
        encoder = {"kind": "bag"}
        word = {"word": {"length": LENGTH, "encoder": encoder, "pool": ["mean"]}}
        prepare_data(small_job(folder / "corpus.jsonl", granularities=word), folder / "data")
        found: dict[str, list[tuple[float, int, float]]] = {}
        for _ in range(options.turns):
            for which, engine in [("bare, torch.compile and SDPA", None), *ENGINES.items()]:
                torch.cuda.reset_peak_memory_stats()
                seconds, numbers = (bare(options.steps), 0) if engine is None else ours(folder, engine, options.steps)
                peak = torch.cuda.max_memory_allocated() / 1e9
                found.setdefault(which, []).append((seconds, numbers, peak))
                torch.cuda.empty_cache()
        # 6 operations for each parameter and token, and those of attention (Chowdhery et al., "PaLM", 2022).
        tokens = BATCH * LENGTH
        flops = 6 * LAYERS * 12 * WIDTH**2 * tokens + 12 * LAYERS * WIDTH * LENGTH * tokens
        first = median(seconds for seconds, *_ in found["bare, torch.compile and SDPA"])
        rows = []
        for which, runs in found.items():
            seconds = median(each for each, *_ in runs)
            share = flops / seconds / options.peak / 1e12
            rows.append([which, BATCH / seconds, max(peak for *_, peak in runs), share, first / seconds])
        table(["", "samples/s", "memory, GB", "share of the peak", "of the bare loop"], rows)
        print(f"\n{max(numbers for runs in found.values() for _, numbers, _ in runs):,} parameters learn.")


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("--peak", type=float, default=989.0, help="TFLOP/s of the accelerator in bfloat16, dense")
    options.add_argument("--steps", type=int, default=50)
    options.add_argument("--turns", type=int, default=3)
    main(options.parse_args())
