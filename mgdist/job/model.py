"""The network above and around the granularities."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.strict import Spec, as_tuple


class NgramSpec(Spec):
    """Vectors for neighbouring words, hashed.

    After Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017.
    """

    order: int = Field(2, ge=2, le=3)
    """longest n-gram: 2 pairs, 3 triples too; each is added at its last word"""
    buckets: int = Field(50_000, ge=1, le=10_000_000)
    """rows of the embedding that the n-grams share"""


class BayesSpec(Spec):
    """The first numbers of a row start as naive Bayes log-count ratios, one a class; the head starts by reading them.

    After Wang and Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", ACL 2012.
    """

    smoothing: float = Field(1.0, gt=0, le=100)
    """added to each count; smaller trusts rare words more"""


class EmbeddingSpec(Spec):
    """The one table of vectors, for words and for hashed n-grams."""

    width: int | None = Field(None, ge=1, le=4096)
    """numbers of a word's vector; as wide as the model where it is null"""
    ngrams: NgramSpec | None = None
    """vectors for neighbouring words; null: words only"""
    bayes: BayesSpec | None = None
    """start as a naive Bayes classifier of words; null: all numbers are drawn"""
    idf: bool = False
    """start each row scaled by its inverse document frequency in the training split"""
    dropout: float = Field(0.0, ge=0, lt=1)
    """share of the embedded numbers dropped in training"""
    word_dropout: float = Field(0.0, ge=0, lt=1)
    """share of whole words (and n-grams) dropped in training"""


class ModelSpec(Spec):
    """Widths, embedding, and how the granularities are fused."""

    width: int = Field(64, ge=1, le=4096)
    """D, the numbers of a state in every encoder"""
    embedding: EmbeddingSpec = EmbeddingSpec()
    """vectors of words and n-grams"""
    fusion: Literal["concat", "gated"] = "concat"
    """the levels side by side, or their sum weighted by a learned gate"""
    norm: Literal["rms"] | None = None
    """rms: each level's summary is brought to the same length before the fusion, so that long documents speak no
    louder (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019); null: as it is"""
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], BeforeValidator(as_tuple)] = ()
    """widths of fully connected layers between the fusion and the heads, each followed by ReLU and dropout"""
    dropout: float = Field(0.1, ge=0, lt=1)
    """share of the fused numbers dropped in training"""
    encoder_dropout: float = Field(0.0, ge=0, lt=1)
    """share of the encoders' inner numbers, and of those between two levels, dropped in training"""
    unit_dropout: float = Field(0.0, ge=0, lt=1)
    """share of whole units (sentences, patches, windows) that are not heard in training; an example keeps one"""
