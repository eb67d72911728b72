"""What ``mgdist check`` prints: the job, resolved."""

from collections.abc import Iterator
from typing import Literal, assert_never

from rich.console import Console
from rich.table import Table

from mgdist.job.data import InputSpec
from mgdist.job.device import size_line
from mgdist.job.encoders import Encoder, Pool
from mgdist.job.plan import PhasePlan, Plan
from mgdist.job.prune import aware_tuning, fine_tuning
from mgdist.job.shapes import shapes
from mgdist.job.spec import Job
from mgdist.job.table import TableSpec
from mgdist.job.task import columns_of
from mgdist.job.text import TextSpec
from mgdist.job.train import AutoSpec, DeepSpeedSpec, Engine, TorchSpec

ALWAYS = ("layers", "kernel", "heads", "expansion", "bidirectional")
"""Fields of an encoder that are told even where they have their usual value."""


def show(plan: Plan, console: Console) -> None:
    """Print a plan."""
    job = plan.job
    console.print(_levels(plan))
    lines = [
        *_embeddings(plan),
        f"fusion, head  {', '.join([job.model.fusion, *filter(None, [job.model.norm, _hidden(job)])])}, "
        f"{plan.fusion + plan.head:,} parameters for {plan.outputs} outputs or more",
        f"in all        {plan.parameters:,} parameters{_bound(*job.inputs.values())}",
        "weights       " + ", ".join(f"{method} {size_line(size)}" for method, size in plan.sizes.items()),
        f"device        {_device(job)}",
        f"split         {_split(job)}",
        *(f"{'train' if place == 0 else '':13} {line}" for place, line in enumerate(_train(plan))),
        *(f"{'teacher':13} {line}" for line in _teacher(job)),
        f"search        {_search(plan)}",
        *(f"{'prune' if place == 0 else '':13} {line}" for place, line in enumerate(_prune(job))),
        *(f"{'early exit':13} {line}" for line in _exit(job)),
        *(f"{'aware':13} {line}" for line in _aware(job)),
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _embeddings(plan: Plan) -> Iterator[str]:
    read = [spec for spec in plan.job.inputs.values() if isinstance(spec, TextSpec | TableSpec)]
    for (rows, width), spec in zip(plan.tables, read, strict=True):
        yield f"embedding     {rows:,} rows{_bound(spec)} x {width}, {rows * width:,} parameters"


def _bound(*read: InputSpec) -> str:
    """Say what the data may change about a number: which categories there are, it alone knows."""
    return " and those of the data's categories" if any(isinstance(spec, TableSpec) for spec in read) else " at most"


def _levels(plan: Plan) -> Table:
    reads = ", ".join(spec.kind for spec in plan.job.inputs.values())
    learns = ", ".join(f"{h.kind} by {' '.join(name for _, name in columns_of(h))}" for h in plan.job.heads.values())
    title = f"{plan.job.name}: {reads}, {learns}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in ("granularity", "reads", "encoder, pools", "gives", "parameters", "signatures"):
        # In a narrow terminal the encoder and the signatures take several lines; nothing is cut off.
        wraps = name in ("encoder, pools", "signatures")
        side: Literal["left", "right"] = "right" if name == "parameters" else "left"
        table.add_column(name, justify=side, no_wrap=not wraps, min_width=len(name), overflow="fold")
    for level, spec in zip(plan.levels, (shape.spec for shape in shapes(plan.job)), strict=True):
        table.add_row(
            level.name,
            f"(units, {level.length}, {level.channels})",
            f"{_encoder(spec.encoder)}\n{' + '.join([*(['skip'] if spec.skip else []), *map(_pool, spec.pool)])}",
            f"(units, {level.width})",
            f"{level.parameters:,}",
            " ".join(level.signatures),
        )
    return table


def _encoder(spec: Encoder) -> str:
    """Tell what an encoder was asked to be; a switch that is off, and what is as it mostly is, is not told."""
    told: list[str] = [spec.kind]
    for name, value in spec:
        usual = value == type(spec).model_fields[name].default and name not in ALWAYS
        if name == "kind" or value is False or value is None or usual:
            continue
        told.append(name if value is True else f"{name} {_listed(value)}")
    return " ".join(told)


def _listed(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _pool(pool: Pool) -> str:
    return pool if isinstance(pool, str) else f"{pool.kind} heads {pool.heads}"


def _hidden(job: Job) -> str:
    return f"hidden {' '.join(map(str, job.model.hidden))}" if job.model.hidden else ""


def _device(job: Job) -> str:
    stated = {
        "size": job.device.max_size and size_line(job.device.max_size),
        "latency": job.device.max_latency and f"{job.device.max_latency * 1e3:g} ms",
        "memory": job.device.max_memory and f"{job.device.max_memory / 1e6:.0f} MB",
    }
    told = ", ".join(f"{name} at most {value}" for name, value in stated.items() if value) or "no limits"
    profile, runtime = job.device.profile, job.device.has
    if profile != "host" or runtime != "litert" or job.device.slower is not None:
        told = f"{profile} with {runtime}, about {job.device.estimate:g} times this host's latency; {told}"
    return f"{told}; accuracy may drop by {job.compress.max_accuracy_drop:g}"


def _split(job: Job) -> str:
    """Tell what the source lacks and how it is held out of train."""
    split, source = job.data.split, job.data.source
    by = f" in whole groups of {split.by}" if split.by else ""
    rows = ", valid row by row" if split.valid_by == "row" else ""
    if split.folds is not None:
        folds = f"one for each {split.by}" if split.folds == "each" else f"of {split.folds}{by}"
        return f"fold {split.fold}, {folds}, is the test; valid {split.valid:g} of all rows{rows}"
    own = [name for name in ("valid", "test") if getattr(source, name, None) is not None]
    drawn = [f"{name} {getattr(split, name):g}" for name in ("valid", "test") if name not in own]
    told = [f"{', '.join(drawn)} of the training rows{by}{rows}"] if drawn else []
    return "; ".join([*told, *([f"{' and '.join(own)} of the source"] if own else [])])


def _train(plan: Plan) -> list[str]:
    train = plan.job.train
    few, many = train.fewest_workers, train.most_workers
    workers = f"{many} worker(s)" if few == many else f"{few} to {many} workers"
    about = f"of batches of {train.batch_size}, {workers}, {_engine(train.engine)}, {train.precision}"
    about += ", activations computed twice" if train.activation_checkpointing else ""
    if len(plan.phases) == 1:
        return [f"{plan.phases[0].name}: {train.epochs} epochs {about}"]
    return [f"{len(plan.phases)} phases {about}", *map(_phase, plan.phases)]


def _engine(engine: Engine) -> str:
    match engine:
        case TorchSpec():
            return "torch"
        case DeepSpeedSpec(stage=stage, offload=offload):
            kept = {False: "", True: ", optimizer in the CPU's memory", "parameters": ", all in the CPU's memory"}
            return f"deepspeed, ZeRO stage {stage}{kept[offload]}"
        case AutoSpec():
            return "engine by the memory of the nodes found"
        case _ as never:
            assert_never(never)


def _phase(phase: PhasePlan) -> str:
    less = f", at most {phase.less}" if phase.less else ""
    return (
        f"{phase.name}: {phase.epochs} epochs, runs {' '.join(phase.levels)}{less}; learns {' '.join(phase.learns)}; "
        f"{phase.operations:,} multiply-adds"
    )


def _search(plan: Plan) -> str:
    search = plan.job.search
    if search is None:
        return "none"
    told = f"{plan.trials} trials of {search.epochs or plan.job.train.epochs} epochs over {', '.join(search.space)}"
    told += f" in at most {search.time:g} s" if search.time is not None else ""
    if search.objective == "deployed":
        told += "; by what would ship, and none that breaks the device's limits untrained"
    if search.ensemble is None:
        return told
    return f"{told}; the {search.ensemble.winners} best become an ensemble by {search.ensemble.combine}"


def _prune(job: Job) -> list[str]:
    spec = job.compress.prune
    if spec is None:
        return []
    taught = ", beside what the whole network answers" if spec.distil else ""
    lr = fine_tuning(job, spec.steps[0]).train.lr
    told = [f"by {spec.importance}, in {len(spec.steps)} step(s), fine-tuned at lr {lr:.3g}{taught}"]
    for step in spec.steps:
        parts = {
            "rows of embeddings": step.rows,
            "filters and hidden numbers": step.channels,
            "numbers of a row": step.width,
            "blocks": step.layers,
        }
        gone = " and ".join(f"{share:.0%} of the {name}" for name, share in parts.items() if share)
        told.append(f"{gone} gone, then {step.epochs} epoch(s)")
    return told


def _exit(job: Job) -> list[str]:
    spec = job.compress.exit
    if spec is None:
        return []
    return [f"reading stops when sure; accuracy may drop by {spec.max_accuracy_drop:g} more, with a margin"]


def _aware(job: Job) -> list[str]:
    spec = job.compress.aware
    if spec is None:
        return []
    taught = ", beside what the whole network answers" if spec.distil else ""
    lr = aware_tuning(job).train.lr
    return [f"where {spec.method} loses too much, {spec.epochs} epoch(s) rounded as it rounds, at lr {lr:.3g}{taught}"]


def _teacher(job: Job) -> list[str]:
    distil = job.train.distil
    if distil is None:
        return []
    whom = "the ensemble of the search, whose trials have none" if distil.of_ensemble else distil.teacher
    states = f", states {distil.states:g}" if distil.states else ""
    return [f"{whom}; weight {distil.weight:g}, temperature {distil.temperature:g}{states}, in every phase"]
