"""The model card: what a person who finds the file should know."""

from collections.abc import Sequence
from typing import assert_never

from mgdist.compress.candidate import BYTES, Candidate
from mgdist.export.exits import EarlyExit
from mgdist.export.plain import section
from mgdist.job.data import columns_of_input
from mgdist.job.device import size_line
from mgdist.job.export import Asked, ExportJob
from mgdist.job.task import columns_of
from mgdist_edge.array import ArrayInput
from mgdist_edge.manifest import Level, Manifest
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task, head_outputs


def card(manifest: Manifest, job: Asked, way: Sequence[Candidate], exit: EarlyExit | None = None) -> str:
    """Return a bundle's README in Markdown.

    Args:
        manifest: of the bundle.
        job: as it was trained.
        way: the candidates from the converted network in float32 to the one in the bundle, which is the last.
        exit: what stopping early saves and costs; None where all is always read.
    """
    levels = "\n".join(map(_level, manifest.levels))
    metrics = "\n".join(f"| {name} | {value:.4f} |" for name, value in manifest.metrics.items())
    heads = "\n".join(f"- `{name}`: {_task(task)}" for name, task in manifest.tasks.items())
    reads = ", ".join(_columns(job))
    learns = ", ".join(column for head in job.heads.values() for _, column in columns_of(head))
    kinds = ", ".join(f"{fitted.kind}" for fitted in manifest.inputs.values())
    return f"""# {manifest.name}

Reads {kinds} and answers:

{heads}

Made by mgdist {manifest.versions["mgdist"]} from column(s) {reads} with {learns}; weights are {manifest.method}.
Licence: {manifest.license or "not stated"}.

Run it: `pip install mgdist-edge`, then `mgdist-edge predict FILE --file EXAMPLE`; prove a device right with
`mgdist-edge selftest FILE`.

| measured on the test split by the edge runtime | |
|---|---|
{metrics}

{_exit(exit)}{_proof(way)}

Any TFLite runtime loads this file. Its signatures:

{levels}
{_heads(manifest)}

A level reads a raw view, or its samples are the units of the level before it. {_reads(manifest)}
How a raw value is read is in `manifest.json` (and the
vocabulary of a text in `tokenizer.json`); `golden.json` holds examples with the expected outputs.
{section(manifest)}"""


def _exit(exit: EarlyExit | None) -> str:
    return "" if exit is None else f"{exit} `--exit off` reads all, as other TFLite runtimes and the page do.\n\n"


def _columns(job: Asked) -> list[str]:
    """Return the columns that the inputs are read from."""
    if isinstance(job, ExportJob):
        return [spec.column for spec in job.inputs.values() if spec.column is not None]
    return [column for spec in job.inputs.values() for _, column in columns_of_input(spec)]


def _proof(way: Sequence[Candidate]) -> str:
    """Return what each step on the way to this file cost and saved, and what the file really holds."""
    rows = "\n".join(
        f"| {each.name} | {each.quality:.4f} | {size_line(each.size)} | {each.latency * 1e3:.2f} | "
        f"{each.memory / 1e6:.0f} | {each.parity.difference:.1e} | {each.parity.equal:.1%} |"
        for each in way
    )
    held = ", ".join(f"{name} {share:.1%}" for name, share in way[-1].weights.items())
    floats = ", ".join(f"{name} {count}" for name, count in way[-1].floats.items()) or "none"
    parts = "\n".join(
        f"| {each.name} | {each.format} | {size_line(each.numbers * BYTES[each.format])} |"
        for each in sorted(way[-1].layers, key=lambda layer: -layer.numbers * BYTES[layer.format])
    )
    return f"""On the way to it, on the validation split and one thread of an x86-64 host.
ms: from raw to answer; MB: at the peak; difference, equal: largest one of an output from the network before its
conversion, and share of equal answers.

| model | quality | file | ms | MB | difference | equal |
|---|---|---|---|---|---|---|
{rows}

Its weights: {held}. Operators that compute in float, over all signatures: {floats}.

| layer | format | size |
|---|---|---|
{parts}"""


def _level(level: Level) -> str:
    shape = f"(N, {level.length}, {level.channels})"
    read = f"`ids` int32 {shape}" if level.reads == "ids" else f"`samples` float32 {shape}"
    mask = f", `mask` float32 (N, {level.length})" if level.masked else ""
    states = f", `states` float32 (N, {level.length}, {level.states})" if level.states else ""
    vectors = f"`vectors` float32 (N, {level.width})"
    return f"- `{level.key}_N` for N in {list(level.counts)}: {read}{mask} -> {vectors}{states}"


def _heads(manifest: Manifest) -> str:
    """Return the signatures of the heads, one a line."""
    lines = []
    whole, tags = _parted(manifest)
    if whole:
        given = [f"`{level.key}` float32 (1, {level.width})" for level in manifest.levels]
        arrays = {name: each for name, each in manifest.inputs.items() if isinstance(each, ArrayInput)}
        given += [f"`{name}` {each.dtype} {(1, *each.shape)}" for name, each in arrays.items()]
        summaries = ", ".join(given)
        outputs = ", ".join(f"`{name}` float32 (1, {head_outputs(task)})" for name, task in whole.items())
        lines.append(f"- `head`: {summaries} -> {outputs}")
    if tags:
        read = [level for level in manifest.levels if level.states]
        states = ", ".join(f"`{level.key}` float32 (N, {read[0].length}, {level.states})" for level in read)
        outputs = ", ".join(f"`{name}` float32 (N, {read[0].length}, {task.outputs})" for name, task in tags.items())
        lines.append(f"- `head_N` for N in {list(read[0].counts)}: {states} -> {outputs}")
    return "\n".join(lines)


def _reads(manifest: Manifest) -> str:
    whole, tags = _parted(manifest)
    told = []
    if not manifest.levels:
        return "The head reads each array as it is; the model was not trained by mgdist."
    if whole:
        told.append(
            "The head reads for each level the mean of\nits units' vectors, each weighted by the number of its samples."
        )
    if tags:
        told.append(
            "For each labelled sample `head_N`\n"
            "reads its own state, and at each coarser level the state of the sample that covers it in time."
        )
    return " ".join(told)


def _parted(manifest: Manifest) -> tuple[dict[str, Task], dict[str, Task]]:
    """Return the heads that answer for whole examples, and those that label samples."""
    tags: dict[str, Task] = {name: task for name, task in manifest.tasks.items() if isinstance(task, Tag)}
    return {name: task for name, task in manifest.tasks.items() if name not in tags}, tags


def _task(task: Task) -> str:
    match task:
        case Classify(labels):
            return f"one of {len(labels)} labels, with probabilities"
        case Ordinal(labels):
            return f"one of {len(labels)} labels in their order, with probabilities"
        case MultiLabel(labels):
            return f"any of {len(labels)} labels, each with a probability of its own"
        case Tag(labels, level):
            return f"one of {len(labels)} labels for each sample of {level}, with probabilities"
        case Regress(names):
            return f"{', '.join(names)}, standardised by the mean and the deviation in `manifest.json`"
        case Forecast(columns, horizon):
            each = "one run a channel" if task.apart else "all channels in one run"
            return f"the next {horizon} readings of {', '.join(columns)}; {each}, on the scale of the example"
        case _ as never:
            assert_never(never)
