"""What ``mgdist check`` prints: the job, resolved."""

from typing import Literal

from rich.console import Console
from rich.table import Table

from mgdist.job.encoders import Encoder
from mgdist.job.plan import Plan
from mgdist.job.spec import Job


def show(plan: Plan, console: Console) -> None:
    """Print a plan."""
    job = plan.job
    console.print(_levels(plan))
    lines = [
        f"embedding     {plan.rows:,} rows at most x {job.model.embedding.width or job.model.width}, "
        f"{plan.embedding:,} parameters",
        f"fusion, head  {job.model.fusion}{', ' + job.model.norm if job.model.norm else ''}, "
        f"{plan.fusion + plan.head:,} parameters for {plan.classes} labels or more",
        f"in all        {plan.parameters:,} parameters at most",
        "weights       " + ", ".join(f"{method} {size / 1e6:.2f} MB" for method, size in plan.sizes.items()),
        f"device        {_device(job)}",
        f"train         {_train(plan)}",
        f"search        {_search(plan)}",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _levels(plan: Plan) -> Table:
    title = f"{plan.job.name}: {plan.job.data.input.kind}, {plan.job.task.kind} by {plan.job.task.label}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in ("granularity", "reads", "encoder, pools", "gives", "parameters", "signatures"):
        # In a narrow terminal the encoder and the signatures take several lines; nothing is cut off.
        wraps = name in ("encoder, pools", "signatures")
        side: Literal["left", "right"] = "right" if name == "parameters" else "left"
        table.add_column(name, justify=side, no_wrap=not wraps, min_width=len(name), overflow="fold")
    for level, spec in zip(plan.levels, plan.job.granularities.values(), strict=True):
        table.add_row(
            level.name,
            f"(units, {level.length}, {level.channels})",
            f"{_encoder(spec.encoder)}\n{' + '.join((['skip'] if spec.skip else []) + list(spec.pool))}",
            f"(units, {level.width})",
            f"{level.parameters:,}",
            " ".join(level.signatures),
        )
    return table


def _encoder(spec: Encoder) -> str:
    fields = {name: value for name, value in spec.model_dump().items() if name != "kind" and value is not False}
    return " ".join([spec.kind, *(name if value is True else f"{name} {value}" for name, value in fields.items())])


def _device(job: Job) -> str:
    stated = {
        "size": job.device.max_size and f"{job.device.max_size / 1e6:.2f} MB",
        "latency": job.device.max_latency and f"{job.device.max_latency * 1e3:g} ms",
        "memory": job.device.max_memory and f"{job.device.max_memory / 1e6:.0f} MB",
    }
    told = ", ".join(f"{name} at most {value}" for name, value in stated.items() if value) or "no limits"
    return f"{told}; accuracy may drop by {job.compress.max_accuracy_drop:g}"


def _train(plan: Plan) -> str:
    train = plan.job.train
    engine = train.engine.kind if train.engine.kind == "torch" else f"deepspeed, ZeRO stage {train.engine.stage}"
    phases = ", then ".join(f"{phase}: {train.epochs} epochs" for phase in plan.phases)
    return f"{phases} of batches of {train.batch_size}, {train.workers} worker(s), {engine}, {train.precision}"


def _search(plan: Plan) -> str:
    search = plan.job.search
    if search is None:
        return "none"
    return f"{plan.trials} trials of {search.epochs or plan.job.train.epochs} epochs over {', '.join(search.space)}"
