"""In which documents of the training split each id stands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mgdist.data.stored import Ragged

CHUNK = 4096
"""Rows whose ids are looked at together, to bound the memory."""


@dataclass(frozen=True)
class Seen:
    """In how many documents of the training split each id stands.

    Attributes:
        counts: (rows, K) documents of each class that hold the id.
        documents: of the training split.
    """

    counts: NDArray[np.int32]
    documents: int

    def idf(self) -> NDArray[np.float32]:
        """Return the smooth inverse document frequency of each row of the embedding, (rows,).

        ``log((1 + n) / (1 + df)) + 1`` of n documents of which df hold the id, as in scikit-learn's
        TfidfTransformer; an id that no document holds gets the largest.
        """
        frequency: NDArray[np.float64] = np.log((1 + self.documents) / (1 + self.counts.sum(1))) + 1
        return frequency.astype(np.float32)

    def log_ratios(self, smoothing: float) -> NDArray[np.float32]:
        """Return how much each id speaks for each class, (rows, K).

        The logarithm of the id's smoothed share among the class's ids, minus the mean over the classes, after Wang
        and Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", ACL 2012.

        Args:
            smoothing: added to each count; above 0.
        """
        smoothed = self.counts + smoothing
        shares: NDArray[np.float64] = np.log(smoothed / smoothed.sum(0))
        ratios: NDArray[np.float64] = shares - shares.mean(1, keepdims=True)
        return ratios.astype(np.float32)


def look_through(text: Ragged, members: NDArray[np.bool_], rows: int) -> Seen:
    """Count the documents that hold each id.

    Args:
        text: the documents of the training split.
        members: (R, K) which classes each document belongs to.
        rows: words and n-gram buckets.
    """
    (ids, *_), (first, *_) = text.samples, text.first
    assert ids is not None, "the finest level reads a raw view"
    documents, classes = members.shape
    found = np.zeros((classes, rows), np.int32)
    for start in range(0, documents, CHUNK):
        stops = first[0, start : start + CHUNK + 1]
        document = np.repeat(np.arange(len(stops) - 1), np.diff(stops))
        pairs = np.sort(document[:, None] * rows + ids[stops[0] : stops[-1]], axis=None)
        once = pairs[np.diff(pairs, prepend=-1) > 0]
        for number in range(classes):
            mine = members[start + once // rows, number]
            found[number] += np.bincount(once[mine] % rows, minlength=rows).astype(np.int32)
    return Seen(np.ascontiguousarray(found.T), documents)
