"""The simple baseline that every network is shown beside.

Legend: N rows of a split, K outputs of a head.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset, Shard
from mgdist.data.stored import Dense, Stored
from mgdist.evaluate.around import labelled
from mgdist.evaluate.last import foretold
from mgdist.evaluate.scores import Scores, score
from mgdist_edge.array import ArrayInput
from mgdist_edge.audio import AudioInput
from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input
from mgdist_edge.series import SeriesInput
from mgdist_edge.table import TableInput
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task
from mgdist_edge.text import TextInput

SPLITS = ("valid", "test")


def baseline(dataset: Dataset) -> dict[str, dict[str, Scores]]:
    """Score a linear model over the raw inputs: a classifier, or ridge regression where numbers are asked for.

    Untuned on purpose. Where there is text, the classifier is a linear support vector machine; else it is logistic
    regression. Of texts it reads TF-IDF over words and pairs of words: sublinear term frequencies, terms of
    at least two documents, C = 1, after Joachims, "Text Categorization with Support Vector Machines", 1998. Such a
    machine gives margins and no probabilities; the softmax of its margins stands for them in the loss and in the
    calibration error. Of labelled samples it reads what :func:`mgdist.evaluate.around.labelled` says.

    Args:
        dataset: the rows of its training split only are learned from.

    Returns:
        the scores of each head on the splits ``valid`` and ``test``.
    """
    (task, *_) = dataset.tasks.values()
    if isinstance(task, Forecast):
        return foretold(dataset, task)
    tags = {name: task for name, task in dataset.tasks.items() if isinstance(task, Tag)}
    others = {name: task for name, task in dataset.tasks.items() if name not in tags}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged: it is a baseline, and untuned
        scores = {name: labelled(dataset, name, task) for name, task in tags.items()}
        answers = _answered(dataset, others)
    return {
        split: {
            **{name: each[split] for name, each in scores.items()},
            **score(others, answers[split], getattr(dataset, split).targets),
        }
        for split in SPLITS
    }


def _answered(dataset: Dataset, tasks: Mapping[str, Task]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return for each split the outputs of the heads that answer once an example."""
    features = _features(dataset) if tasks else []
    outputs: dict[str, dict[str, NDArray[np.float64]]] = {split: {} for split in SPLITS}
    for name, task in tasks.items():
        machine = _classifier(dataset.inputs.values())
        found = _learned(task, features, dataset.train.targets[name], machine)
        for split, each in zip(SPLITS, found, strict=True):
            outputs[split][name] = each
    return outputs


def _features(dataset: Dataset) -> list[Any]:
    """Return what the linear model reads, sparse (N, features), for training, validation and test."""
    from scipy.sparse import hstack

    shards = (dataset.train, dataset.valid, dataset.test)
    blocks: list[list[Any]] = []
    for name, fitted in dataset.inputs.items():
        match fitted:
            case TextInput():
                blocks.append(_terms(name, shards))
            case ImageInput() | SeriesInput():
                blocks.append(_numbers([_raws(shard, name) for shard in shards]))
            case AudioInput():
                blocks.append(_numbers([_frames(shard, name) for shard in shards]))
            case TableInput():
                blocks.append([_fields(shard.inputs[name], fitted.rows) for shard in shards])
            case ArrayInput():
                raise AssertionError("a model that was not trained here is shown beside no baseline")
            case _ as never:
                assert_never(never)
    return [hstack(parts).tocsr() for parts in zip(*blocks, strict=True)]


def _terms(name: str, shards: Sequence[Shard]) -> list[Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    terms = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32)
    first, *others = (cast(Sequence[str], shard.raws[name]) for shard in shards)
    return [terms.fit_transform(first), *map(terms.transform, others)]


def _raws(shard: Shard, name: str) -> list[NDArray[np.float32]]:
    return [np.asarray(raw, np.float32) for raw in shard.raws[name]]


def _frames(shard: Shard, name: str) -> list[NDArray[np.float32]]:
    """Return the frames of each recording as the network reads them, (T, C)."""
    return [cast(NDArray[np.float32], shard.inputs[name].views(row).samples[0]) for row in range(len(shard))]


def _numbers(raws: Sequence[Sequence[NDArray[np.float32]]]) -> list[Any]:
    """Return all numbers of each example, standardised; mean and deviation where examples differ in length."""
    from scipy.sparse import csr_array
    from sklearn.preprocessing import StandardScaler

    if len({raw.shape for part in raws for raw in part}) > 1:
        raws = [[np.concatenate([raw.mean(0), raw.std(0)]) for raw in part] for part in raws]
    first, *others = (np.stack(part).reshape(len(part), -1) for part in raws)
    scaler = StandardScaler().fit(first)
    return [csr_array(scaler.transform(part)) for part in (first, *others)]


def _fields(stored: Stored, rows: int) -> Any:
    """Return the fields of each row of a table, one column an id."""
    from scipy.sparse import csr_array

    assert isinstance(stored, Dense), "all rows of a table have the same fields"
    ids, values = stored.raws[:, :, 0].astype(np.int64), stored.raws[:, :, 1]
    places = np.repeat(np.arange(len(ids)), ids.shape[1])
    return csr_array((values.ravel(), (places, ids.ravel())), shape=(len(ids), rows))


def _learned(task: Task, features: Sequence[Any], targets: NDArray[Any], machine: Any) -> list[NDArray[np.float64]]:
    """Learn one head from the first features, and return its outputs for the others.

    Args:
        task: what the head answers.
        features: for training, and for each split that is answered.
        targets: of the training rows.
        machine: a linear classifier, not fitted.
    """
    from sklearn.linear_model import Ridge

    train, *others = features
    match task:
        case Classify() | Ordinal():
            machine.fit(train, targets)
            margins = [np.asarray(machine.decision_function(each), np.float64) for each in others]
            return [_spread(each, machine.classes_, task.outputs) for each in margins]
        case MultiLabel():
            columns = [_margins(machine, train, targets[:, label], others) for label in range(task.outputs)]
            return [1 / (1 + np.exp(-np.stack(part, 1))) for part in zip(*columns, strict=True)]
        case Regress():
            ridge = Ridge().fit(train, targets)
            return [ridge.predict(each).reshape(-1, task.outputs).astype(np.float64) for each in others]
        case Forecast():
            raise AssertionError("windows are learned from without a copy of all of them")
        case Tag():
            raise AssertionError("labelled samples are learned from by what is around them")


def _classifier(inputs: Iterable[Input]) -> Any:
    """Return the linear classifier that suits some inputs: words, or numbers, of which the machine takes minutes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    reads_text = any(isinstance(each, TextInput) for each in inputs)
    return LinearSVC(C=1.0, random_state=0) if reads_text else LogisticRegression(C=0.1, max_iter=100)


def _margins(
    machine: Any, train: Any, applies: NDArray[np.float32], others: Sequence[Any]
) -> list[NDArray[np.float64]]:
    """Return how much one label speaks for each of the others, (N,); one that never or always applies does so."""
    if applies.min() == applies.max():
        return [np.full(each.shape[0], 2 * float(applies[0]) - 1) for each in others]
    machine.fit(train, applies > 0)
    return [np.asarray(machine.decision_function(each), np.float64) for each in others]


def _spread(margins: NDArray[np.float64], classes: NDArray[np.int64], count: int) -> Float[np.ndarray, "N K"]:
    """Return shares that sum to 1; for two classes a machine gives one margin, that of the second."""
    if margins.ndim == 1:
        margins = np.stack([-margins, margins], axis=1)
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    shares = np.zeros((len(margins), count))
    shares[:, classes] = powers / powers.sum(axis=1, keepdims=True)
    return shares
