"""What the search may change, and how long it may look."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mgdist.job.strict import Seconds, Spec, as_tuple

Pair = Annotated[tuple[float, float], BeforeValidator(as_tuple)]
IntPair = Annotated[tuple[int, int], BeforeValidator(as_tuple)]


class RangeSpec(Spec):
    """What one field may become: exactly one of the four."""

    choice: Annotated[tuple[Any, ...], BeforeValidator(as_tuple), Field(min_length=1)] | None = None
    """one of these values"""
    uniform: Pair | None = None
    """a number between the two"""
    loguniform: Pair | None = None
    """a number between the two, each order of magnitude as likely as another"""
    integer: IntPair | None = None
    """a whole number from the first to the second, both included"""

    @model_validator(mode="after")
    def _one(self) -> "RangeSpec":
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"expected one of choice, uniform, loguniform, integer; got {' and '.join(given) or 'none'}"
            )
        bounds = self.uniform or self.loguniform or self.integer
        if bounds is not None and not bounds[0] < bounds[1]:
            raise ValueError(f"expected [low, high] with low < high; got {list(bounds)}")
        if self.loguniform is not None and self.loguniform[0] <= 0:
            raise ValueError(f"expected bounds above 0; got {list(self.loguniform)}")
        return self


class AshaSpec(Spec):
    """Stop weak trials early (Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020)."""

    grace: int = Field(1, ge=1)
    """epochs that every trial may train"""
    reduction: int = Field(3, ge=2)
    """of so many trials one goes on at each rung"""


class EnsembleSpec(Spec):
    """The best trials of a search together: measured and shown beside the network, and a teacher for it.

    It does not ship: a device would have to run all members. Four ways to combine them are measured; ``combine`` says
    which of them is the ensemble that ``train.distil`` learns from.
    """

    winners: int = Field(3, ge=2, le=16)
    """trials that become members, the best at different points, also of those that ASHA ended early; each with the
    weights of its best epoch"""
    combine: Literal["mean", "weighted", "vote", "stack"] = "mean"
    """mean of the outputs; weighted: with weights that the validation rows choose (Caruana et al., "Ensemble Selection
    from Libraries of Models", 2004); vote: one vote a member, of labels only; stack: a linear model over the outputs,
    learned from the validation rows (Wolpert, "Stacked Generalization", 1992), of all but quantiles"""


class SearchSpec(Spec):
    """A search by Optuna's TPE, stopped early by ASHA; the metric is train.metric, or what ships."""

    objective: Literal["trained", "deployed"] = "trained"
    """trained: points are compared by the networks' train.metric; deployed: by the quality of the bundle that would
    ship of each, and those whose untrained network breaks the device's limits in every format are not trained at all"""
    trials: int = Field(8, ge=1, le=10_000)
    """points to train; those that are refused before do not count, of which there may be ten times as many"""
    time: Annotated[Seconds | None, Field(gt=0)] = None
    """after which the search ends, with the trials that it has: those that still train end with their best epoch;
    null: no limit"""
    concurrent: int = Field(1, ge=1)
    """trials at a time"""
    epochs: int | None = Field(None, ge=1)
    """epochs of a trial; as in train where it is null"""
    asha: AshaSpec | None = AshaSpec()
    """null: every trial trains to its end"""
    space: dict[str, RangeSpec] = Field(min_length=1)
    """dotted path of a field -> what it may become"""
    ensemble: EnsembleSpec | None = None
    """the best trials together, reported beside the network and usable as train.distil.teacher; it does not ship by
    itself; null: none"""
