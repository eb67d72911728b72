"""What no single field can know of several heads: their names, their weights, and which stands above which."""

import re
from collections.abc import Iterator

from mgdist.job.mistakes import Mistake
from mgdist.job.spec import Job
from mgdist.job.task import ClassifySpec, SeveralSpec

NEEDS_ABOVE = "needs above, the head whose probabilities are added; give it, or leave sums out"


def head_mistakes(job: Job) -> Iterator[Mistake]:
    """Yield what the heads of a job ask of each other and cannot have."""
    if not isinstance(job.task, SeveralSpec):
        if isinstance(job.task, ClassifySpec) and job.task.above is not None:
            yield Mistake("task.above", "needs another head to stand above; use task.kind: several, or leave it out")
        if isinstance(job.task, ClassifySpec) and job.task.sums:
            yield Mistake("task.sums", NEEDS_ABOVE)
        return
    heads, weights = job.task.heads, job.task.weights
    for name in weights if isinstance(weights, dict) else ():
        if name not in heads:
            yield Mistake(f"task.weights.{name}", f"expected one of {', '.join(heads)}")
    for name, head in heads.items():
        if re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name) is None:
            yield Mistake(f"task.heads.{name}", "expected a name of small letters, digits and underscores")
        if isinstance(head, ClassifySpec) and head.above is not None:
            yield from _above(job, name, head.above)
        elif isinstance(head, ClassifySpec) and head.sums:
            yield Mistake(f"task.heads.{name}.sums", NEEDS_ABOVE)


def _above(job: Job, name: str, finer: str) -> Iterator[Mistake]:
    path = f"task.heads.{name}.above"
    known = [each for each, head in job.heads.items() if isinstance(head, ClassifySpec) and each != name]
    if finer not in known:
        yield Mistake(
            path, f"expected another head of kind classify, {', '.join(known) or 'which is missing'}; got {finer}"
        )
        return
    passed, below = [name], finer
    while isinstance(head := job.heads.get(below), ClassifySpec):
        passed.append(below)
        if below == name:
            yield Mistake(path, f"expected a coarser head above a finer one; got a circle: {' above '.join(passed)}")
        if head.above is None or passed.count(below) > 1:
            return
        below = head.above
