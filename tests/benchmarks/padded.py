"""The same weights as one padded graph: what a network costs that always processes its longest document.

Legend: N units of a level, S samples of a unit, O n-gram order, W numbers of a vector, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from mgdist.apart import apart, needs
from mgdist.models.network import Network
from mgdist.runs import write
from mgdist_edge.manifest import Level
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.quiet import quiet
from mgdist_edge.views import Views, pad


@dataclass(frozen=True)
class Sizes:
    """The fixed shape of the graph.

    Attributes:
        units: N of each level, finest first; the last is 1.
        lengths: S of each level.
        order: O.
    """

    units: tuple[int, ...]
    lengths: tuple[int, ...]
    order: int

    def fit(self, views: Views) -> bool:
        """Tell whether a document has no more units than the graph."""
        return all(len(found) <= units for found, units in zip(views.lengths, self.units, strict=True))


class Padded(nn.Module):
    """All levels in one graph.

    ``ids`` are the words of all units of the finest level; ``members_1``, ``members_2`` ... tell for each sample of a
    coarser unit which finer unit it is, from 1; 0 is padding.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Int[Tensor, "N S O"], **members: Int[Tensor, "_ _"]) -> dict[str, Float[Tensor, "1 K"]]:
        """Return the probability of each class."""
        finest, *_ = self.network.levels
        samples, mask = self.network.embeddings[finest](ids), (ids[:, :, 0] != 0).float()
        summaries = []
        for index, level in enumerate(self.network.levels.values()):
            if index:
                places = members[f"members_{index}"]
                mask = (places != 0).float()
                nothing = torch.zeros(1, samples.shape[1])
                flat = torch.index_select(torch.cat([nothing, samples]), 0, places.reshape(-1))
                samples = flat.reshape(*places.shape, -1)
            samples = level(samples, mask)
            shares = mask.sum(1, keepdim=True)
            summaries.append((samples * shares).sum(0, keepdim=True) / shares.sum().clamp(min=1.0))
        return {ONLY_HEAD: torch.softmax(self.network.heads[ONLY_HEAD](self.network.fusion(summaries)), 1)}


def convert(network: Network, sizes: Sizes, destination: Path) -> Path:
    """Write the padded graph as a float32 .tflite file."""
    write(destination, apart(flatbuffer, network, sizes))
    return destination


@needs("litert_torch")
def flatbuffer(network: Network, sizes: Sizes) -> bytes:
    """Return the bytes of the graph; better called through ``apart``."""
    import litert_torch

    ids = torch.ones((sizes.units[0], sizes.lengths[0], sizes.order), dtype=torch.int32)
    members = {
        f"members_{index}": torch.ones((sizes.units[index], sizes.lengths[index]), dtype=torch.int32)
        for index in range(1, len(sizes.units))
    }
    module = Padded(network.eval().float().requires_grad_(False)).eval()
    converter = litert_torch.Converter()
    converter.signature("document", module, sample_kwargs={"ids": ids, **members})
    model: bytes = converter.convert().model_content()
    return model


def sizes_of(levels: Sequence[Level], documents: Sequence[Views], cover: float | None) -> Sizes:
    """Return the shape of a graph.

    Args:
        levels: of the bundle.
        documents: to cover a share of.
        cover: share of the documents that fit at each level; None for all that the job allows.
    """
    units = [1]
    for level in reversed(levels[1:]):
        units.insert(0, units[0] * level.length)
    if cover is not None:
        found = np.array([[len(lengths) for lengths in views.lengths] for views in documents])
        covered = np.ceil(np.quantile(found, cover, axis=0)).astype(int)
        units = [min(most, int(enough)) for most, enough in zip(units, covered, strict=True)]
    return Sizes(tuple(units), tuple(level.length for level in levels), levels[0].channels)


class PaddedRuntime:
    """Runs the padded graph on the views of a document, as the edge runtime does with a bundle."""

    def __init__(self, path: Path, sizes: Sizes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.sizes = sizes
        with quiet():
            self._interpreter = Interpreter(model_path=str(path), num_threads=1)
            self._interpreter.allocate_tensors()
            self._run = self._interpreter.get_signature_runner("document")

    def run(self, views: Views) -> NDArray[np.float32]:
        """Return the probabilities (K,) of a document that fits."""
        probabilities: NDArray[np.float32] = self._run(**laid_out(views, self.sizes))[ONLY_HEAD][0]
        return probabilities


def laid_out(views: Views, sizes: Sizes) -> dict[str, NDArray[np.int32]]:
    """Return what the padded graph is given of a document that fits."""
    inputs: dict[str, NDArray[np.int32]] = {}
    samples = views.samples[0]
    assert samples is not None, "the finest level reads a raw view"
    for index, lengths in enumerate(views.lengths):
        found, _ = pad(samples, lengths, sizes.lengths[index])
        units = np.zeros((sizes.units[index], *found.shape[1:]), np.int32)
        units[: len(found)] = found
        inputs[f"members_{index}" if index else "ids"] = units
        samples = np.arange(1, len(lengths) + 1, dtype=np.int32)
    return inputs
