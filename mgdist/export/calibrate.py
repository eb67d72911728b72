"""What the signatures of a device model are given on real examples, to calibrate the range of what they compute."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from mgdist.compress.quantize import Calls
from mgdist_edge.bundle import Bundle
from mgdist_edge.manifest import Level
from mgdist_edge.runtime import HEAD, Runtime
from mgdist_edge.views import Views

Call = dict[str, NDArray[np.generic]]


def calls_of(bundle: Bundle, examples: Iterable[Mapping[str, Views]]) -> Calls:
    """Run a float32 bundle on examples, and return what each signature was given.

    A signature for more units than any example has is given those of the others, over and over, so that it is
    calibrated too.

    Args:
        bundle: of the network.
        examples: the views of each input, example by example; at least one.
    """
    heard: dict[str, list[Call]] = {}

    def hear(signature: str, inputs: Mapping[str, NDArray[np.generic]]) -> None:
        heard.setdefault(signature, []).append({name: np.array(values) for name, values in inputs.items()})

    runtime = Runtime(bundle, hear=hear)
    for views in examples:
        runtime.run(views)
    read = [level for level in bundle.manifest.levels if level.states]
    for key, counts in [*((each.key, each.counts) for each in bundle.manifest.levels), *_heads(read)]:
        given = [call for count in counts for call in heard.get(f"{key}_{count}", [])]
        for count in counts:
            heard.setdefault(f"{key}_{count}", [_filled(given, count)])
    return heard


def _heads(read: list[Level]) -> list[tuple[str, tuple[int, ...]]]:
    return [(HEAD, read[0].counts)] if read else []


def _filled(given: list[Call], count: int) -> Call:
    """Return one call of so many units, taken from calls of other numbers of them."""
    joined = {name: np.concatenate([call[name] for call in given]) for name in given[0]}
    return {name: np.resize(values, (count, *values.shape[1:])) for name, values in joined.items()}
