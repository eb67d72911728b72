"""The linear baseline that every network is shown beside."""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset
from mgdist.evaluate.metrics import Scores, score


def baseline(dataset: Dataset) -> dict[str, Scores]:
    """Score TF-IDF over words and pairs of words with a linear support vector machine.

    Untuned on purpose: sublinear term frequencies, terms of at least two documents, C = 1. After Joachims, "Text
    Categorization with Support Vector Machines", 1998. Such a machine gives margins and no probabilities; the
    softmax of its margins stands for them in the loss and in the calibration error.

    Args:
        dataset: the rows of its training split only are learned from.

    Returns:
        its scores on the splits ``valid`` and ``test``.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    terms = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32)
    machine = LinearSVC(C=1.0, random_state=0)
    machine.fit(terms.fit_transform(dataset.train.texts()), dataset.train.targets)
    scores = {}
    for name, shard in {"valid": dataset.valid, "test": dataset.test}.items():
        margins = machine.decision_function(terms.transform(shard.texts())).astype(np.float64)
        scores[name] = score(_softmax(margins), shard.targets)
    return scores


def _softmax(margins: NDArray[np.float64]) -> Float[np.ndarray, "N K"]:
    """Return shares that sum to 1; for two classes a machine gives one margin, that of the second."""
    if margins.ndim == 1:
        margins = np.stack([-margins, margins], axis=1)
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
