"""Several networks' outputs made one: mean, weighted, vote and stack.

Legend: M members, N rows of the validation split, R rows of any split, K outputs of a head, T tries.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, assert_never

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from mgdist.evaluate.scores import score_head
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task

Numbers = NDArray[np.float32]
Way = Literal["mean", "weighted", "vote", "stack"]
Combined = Callable[[Numbers], Numbers]
"""The members' outputs (M, R, K) -> those of the ensemble (R, K)."""
WAYS: tuple[Way, ...] = ("mean", "weighted", "vote", "stack")
LEARNED: tuple[Way, ...] = ("weighted", "stack")
"""Those that learn something of the validation rows."""
FOLDS, TRIES = 5, 20
SMALLEST = 1e-7
"""Probability below which a logarithm no longer falls."""
TIE = 1e-3
"""Of a vote: what the mean of the probabilities counts beside it, so that it decides where votes are equal."""


def ways(tasks: Mapping[str, Task]) -> tuple[Way, ...]:
    """Return the ways that make sense for all heads: there is no vote on numbers, and no stack of quantiles."""
    unfit = set[Way]()
    for task in tasks.values():
        unfit |= {"vote"} if isinstance(task, Regress | Forecast) else set()
        unfit |= {"stack"} if isinstance(task, Forecast) and task.quantiles else set()
    return tuple(way for way in WAYS if way not in unfit)


def learn(way: Way, task: Task, outputs: Float[np.ndarray, "M N K"], targets: NDArray[Any]) -> Combined:
    """Return a way to combine the members of one head, with what it learns from some rows.

    Args:
        way: of the four.
        task: what the head answers.
        outputs: of the members, probabilities or standardised numbers.
        targets: of the rows.
    """
    match way:
        case "mean":
            return lambda members: members.mean(0)
        case "weighted":
            shares = weights(task, outputs, targets)
            return lambda members: np.tensordot(shares, members, 1).astype(np.float32)
        case "vote":
            return lambda members: voted(task, members)
        case "stack":
            return stacked(task, outputs, targets)
        case _ as never:
            assert_never(never)


def out_of_fold(
    way: Way, task: Task, outputs: Float[np.ndarray, "M N K"], targets: NDArray[Any], seed: int
) -> Float[np.ndarray, "N K"]:
    """Return what the ensemble answers for the rows it learns from: each fold by what was learned from the others.

    So a score on these rows is as honest as on others.
    """
    if way not in LEARNED:
        return learn(way, task, outputs, targets)(outputs)
    found = np.empty(outputs.shape[1:], np.float32)
    rows = np.arange(len(targets))
    for fold in folds(task, len(rows), seed):
        rest = np.setdiff1d(rows, fold)
        found[fold] = learn(way, task, outputs[:, rest], targets[rest])(outputs[:, fold])
    return found


def folds(task: Task, rows: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each fold, drawn by chance; neighbours in a series stay side by side."""
    order = (
        np.arange(rows) if isinstance(task, Forecast | Tag) else np.random.default_rng([seed, rows]).permutation(rows)
    )
    yield from (np.sort(fold) for fold in np.array_split(order, min(FOLDS, rows)))


def weights(task: Task, outputs: Float[np.ndarray, "M N K"], targets: NDArray[Any]) -> Float[np.ndarray, " M"]:
    """Return a weight a member, which add up to 1: members are added one by one, each time the one that helps most.

    After Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004: a member may be added again, and so
    gets its weight; of all sizes that were tried the best one holds. What is made small is the loss of the head.
    """
    if not len(targets):
        return np.full(len(outputs), 1 / len(outputs), np.float32)
    total, counts = np.zeros(outputs.shape[1:], np.float64), np.zeros(len(outputs))
    best, kept = np.inf, counts
    for tried in range(1, TRIES + 1):
        losses = [_loss(task, (total + member) / tried, targets) for member in outputs]
        chosen = int(np.argmin(losses))
        total += outputs[chosen]
        counts = counts + np.eye(len(outputs))[chosen]
        if losses[chosen] < best:
            best, kept = losses[chosen], counts
    shares: Numbers = (kept / kept.sum()).astype(np.float32)
    return shares


def voted(task: Task, members: Float[np.ndarray, "M R K"]) -> Float[np.ndarray, "R K"]:
    """Return the share of the votes that each label has; where votes are equal, the mean probability decides."""
    if isinstance(task, MultiLabel):
        votes = (members >= 0.5).sum(0)
    else:
        votes = np.eye(members.shape[2])[members.argmax(2)].sum(0)
    shares: Numbers = ((votes + TIE * members.mean(0)) / (len(members) + TIE)).astype(np.float32)
    return shares


def stacked(task: Task, outputs: Float[np.ndarray, "M N K"], targets: NDArray[Any]) -> Combined:
    """Return a linear model over the members' outputs (Wolpert, "Stacked Generalization", Neural Networks, 1992).

    Of one label: logistic regression over all logarithms of probabilities; of several labels, one over the logits of
    each; of numbers: ridge regression over those of each, in a forecast one for all.
    """
    match task:
        case Classify() | Ordinal() | Tag():
            return _classifier(outputs, targets)
        case MultiLabel():
            columns = [_label(outputs[:, :, place], targets[:, place]) for place in range(task.outputs)]
            return lambda members: np.stack([each(members[:, :, k]) for k, each in enumerate(columns)], 1)
        case Regress():
            ridges = [_ridge(outputs[:, :, place], targets[:, place]) for place in range(task.outputs)]
            return lambda members: np.stack([each(members[:, :, k]) for k, each in enumerate(ridges)], 1)
        case Forecast():
            whole = _ridge(outputs.reshape(len(outputs), -1), targets.ravel())
            return lambda members: whole(members.reshape(len(members), -1)).reshape(members.shape[1:])
        case _ as never:
            assert_never(never)


def _classifier(outputs: Float[np.ndarray, "M N K"], targets: NDArray[Any]) -> Combined:
    found = np.unique(targets)
    if len(found) < 2:  # there is nothing to tell apart
        return lambda members: members.mean(0)
    model = _logistic(_side_by_side(_logs(outputs)), targets)

    def answer(members: Numbers) -> Numbers:
        shares = np.zeros(members.shape[1:], np.float32)
        shares[:, found] = model.predict_proba(_side_by_side(_logs(members)))
        return shares

    return answer


def _label(outputs: Float[np.ndarray, "M N"], targets: NDArray[Any]) -> Combined:
    if len(np.unique(targets)) < 2:
        return lambda members: members.mean(0)
    model = _logistic(_logits(outputs).T, targets)
    return lambda members: model.predict_proba(_logits(members).T)[:, 1].astype(np.float32)


def _ridge(outputs: Float[np.ndarray, "M N"], targets: NDArray[Any]) -> Combined:
    from sklearn.linear_model import Ridge

    if not len(targets):
        return lambda members: members.mean(0)
    model = Ridge(alpha=1.0).fit(outputs.T, targets)
    return lambda members: model.predict(members.T).astype(np.float32)


def _logistic(features: NDArray[np.float32], targets: NDArray[Any]) -> Any:
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged: it is close enough
        return LogisticRegression(C=1.0, max_iter=200).fit(features, targets)


def _side_by_side(outputs: Float[np.ndarray, "M R K"]) -> Float[np.ndarray, "R MK"]:
    return outputs.swapaxes(0, 1).reshape(outputs.shape[1], -1)


def _logs(shares: Numbers) -> Numbers:
    return np.log(np.maximum(shares, SMALLEST))


def _logits(shares: Numbers) -> Numbers:
    return _logs(shares) - _logs(1 - shares)


def _loss(task: Task, outputs: NDArray[np.float64], targets: NDArray[Any]) -> float:
    """Return the loss of a head; of probabilities without the rest of their scores, which take longer."""
    match task:
        case Classify() | Ordinal() | Tag():
            return float(-np.log(np.maximum(outputs[np.arange(len(targets)), targets], SMALLEST)).mean())
        case MultiLabel():
            right = np.where(targets > 0, outputs, 1 - outputs)
            return float(-np.log(np.maximum(right, SMALLEST)).sum(1).mean())
        case Regress() | Forecast():
            return score_head(task, outputs, targets).loss
        case _ as never:
            assert_never(never)
