"""The vocabulary, counted in the training split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from mgdist.job.model import NgramSpec
from mgdist.job.text import TextSpec
from mgdist_edge.text import LONGEST, PADDING, UNKNOWN, TextInput, words
from mgdist_edge.windows import Window


def fit_text(texts: Sequence[str], spec: TextSpec, levels: Mapping[str, Window], ngrams: NgramSpec | None) -> TextInput:
    """Fit a text input to the documents of the training split.

    The vocabulary is that of ``tokenizers``' WordLevelTrainer, which a test compares: the most frequent words
    first, in alphabetical order where they are equally frequent. It is counted here because the trainer takes
    no counts, only words one by one: 13.8 s against 3.3 s for the 5.7 million words of 20 Newsgroups.

    Args:
        texts: raw documents of the training split only.
        spec: says how many words, and how rare ones.
        levels: what a unit of each granularity covers, finest first.
        ngrams: which n-grams have ids of their own.
    """
    counts = Counter(chain.from_iterable(words(text[:LONGEST], lowercase=spec.lowercase) for text in texts))
    frequent = sorted((-count, word) for word, count in counts.items() if count >= spec.min_count)
    kept = [PADDING, UNKNOWN, *(word for _, word in frequent)][: spec.vocabulary]
    return TextInput(
        vocabulary={word: number for number, word in enumerate(kept)},
        lowercase=spec.lowercase,
        levels=levels,
        order=ngrams.order if ngrams else 1,
        buckets=ngrams.buckets if ngrams else 0,
    )
