"""Distillation: a network learns from a teacher's answers beside the targets."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from mgdist.job.strict import Spec

ENSEMBLE = "ensemble"
"""The teacher that the search's winners are together."""


def _written_out(teacher: str) -> str:
    return teacher if teacher == ENSEMBLE else str(Path(teacher).expanduser().absolute())


class DistilSpec(Spec):
    """Learn from a teacher too (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015).

    Every phase of the strategy does so, also one that trains auxiliary heads. The loss of a head is (1 - weight) x that
    of its targets + weight x that of the teacher: T^2 x the Kullback-Leibler divergence of the probabilities, both at
    temperature T; of several labels that of each, added up; of numbers the squared distance from the teacher's.
    """

    teacher: Annotated[str, Field(min_length=1), AfterValidator(_written_out)]
    """folder of a finished run that learned from the same training rows, such as runs/newsgroups/latest; or ensemble:
    the winners of search.ensemble together, whose trials are the job at the points of search.space and have no teacher,
    while the job as it is written is the student"""
    temperature: float = Field(2.0, ge=1, le=100)
    """softens the probabilities of teacher and student; numbers have none"""
    weight: float = Field(0.7, gt=0, le=1)
    """share of the teacher in the loss; the rest is that of the targets"""
    states: float = Field(0.0, ge=0)
    """weight of a loss that is added: how far what each granularity says of an example, the mean of its units' vectors,
    is from what the teacher's granularity of the same name says, in multiples of its variance; where the widths
    differ, through a projection that learns too and does not ship; 0: only answers are learned from (Romero et al.,
    "FitNets: Hints for Thin Deep Nets", ICLR 2015; Jiao et al., "TinyBERT", EMNLP 2020)"""

    @property
    def of_ensemble(self) -> bool:
        """Whether the winners of the search are the teacher."""
        return self.teacher == ENSEMBLE
