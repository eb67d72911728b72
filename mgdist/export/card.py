"""The model card: what a person who finds the file should know."""

from mgdist.job.spec import Job
from mgdist_edge.manifest import Manifest


def card(manifest: Manifest, job: Job) -> str:
    """Return a bundle's README in Markdown."""
    levels = "\n".join(
        f"- `{level.name}_N` for N in {list(level.counts)}: "
        + (
            f"`ids` int32 (N, {level.length}, {level.channels})"
            if level is manifest.levels[0]
            else f"`samples` float32 (N, {level.length}, {level.channels}), `mask` float32 (N, {level.length})"
        )
        + f" -> `vectors` float32 (N, {level.width})"
        for level in manifest.levels
    )
    inputs = ", ".join(f"`{level.name}` float32 (1, {level.width})" for level in manifest.levels)
    metrics = "\n".join(f"| {name} | {value:.4f} |" for name, value in manifest.metrics.items())
    return f"""# {manifest.name}

Classifies a text as one of {len(manifest.labels)} labels (`labels.txt`). Made by mgdist {manifest.versions["mgdist"]}
from column(s) {", ".join(job.data.input.columns)} with label {job.task.label}; weights are {manifest.method}.
Licence: {manifest.license or "not stated"}.

Run it: `pip install mgdist-edge`, then `mgdist-edge predict FILE --text "..."`; prove a device right with
`mgdist-edge selftest FILE`.

| measured on the test split by the edge runtime | |
|---|---|
{metrics}

Any TFLite runtime loads this file. Its signatures:

{levels}
- `head`: {inputs} -> `probabilities` float32 (1, {len(manifest.labels)})

A level's units are the samples of the next one. The head reads for each level the mean of its units' vectors, each
weighted by the number of its samples. How a text becomes ids is in `tokenizer.json` and `manifest.json`;
`golden.json` holds texts with the expected probabilities.
"""
