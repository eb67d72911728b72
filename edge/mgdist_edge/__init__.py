"""The edge runtime of mgdist: a bundle in, answers out.

    >>> from mgdist_edge import load
    >>> load("doc_cls.tflite").predict("Return the eigenvalues of a matrix.").label  # doctest: +SKIP
    'numpy'

numpy and LiteRT are imported with the first name that needs them, so that importing this package is quick.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mgdist_edge.predictor import Prediction, Predictor, load

__version__ = "0.1.0"
__all__ = ["Prediction", "Predictor", "load"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mgdist_edge import predictor

    return getattr(predictor, name)
