"""What no single field can know of early exits."""

from collections.abc import Iterator

from mgdist.job.mistakes import Mistake
from mgdist.job.spec import Job
from mgdist.job.task import ClassifySpec, OrdinalSpec


def exit_mistakes(job: Job) -> Iterator[Mistake]:
    """Yield why a job's bundle cannot be read in part, where it is asked to be."""
    if job.compress.exit is None:
        return
    if [spec.kind for spec in job.inputs.values()] != ["text"] or len(job.granularities) < 2:
        yield Mistake(
            "compress.exit",
            "reads a text sentence by sentence; expected one input, a text, at two granularities or more; leave it out",
        )
    if [isinstance(head, ClassifySpec | OrdinalSpec) for head in job.heads.values()] != [True]:
        yield Mistake("compress.exit", "expected one head, of kind classify or ordinal, that can be sure; leave it out")
