"""A network as one flat signature for one example, for clients that cannot call its levels one after another.

Every unit that there can be is computed, padding too, so it costs as much as the longest example.

Legend: N ids of an example, U units of a level, S samples of a unit, C channels of a sample, W numbers of a unit's
vector, K outputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from mgdist.apart import ApartError, apart, needs
from mgdist.errors import ConvertError
from mgdist.export.litert_route import Signature, joined
from mgdist.models.heads import activated
from mgdist.models.network import Network
from mgdist_edge.image import ImageInput, tiles
from mgdist_edge.levels import chains
from mgdist_edge.tasks import Task
from mgdist_edge.text import TextInput

SIGNATURE, OUTPUT = "serving_default", "probabilities"
GREY = (19595 / 65536, 38470 / 65536, 7471 / 65536)
"""What Pillow weighs red, green and blue with."""


@dataclass(frozen=True)
class View:
    """What a level reads of an example: samples or ids (U, S, C), and which of them are real, (U, S)."""

    samples: Tensor
    real: Float[Tensor, "U S"]


class Chained(nn.Module):
    """A network of one input and one head, for one example.

    Args:
        network: ready to answer.
        task: of its only head.
        lengths: samples of a unit of each level, finest first.
    """

    def __init__(self, network: Network, task: Task, lengths: Sequence[int]) -> None:
        super().__init__()
        assert network.fusion is not None, "the head answers for examples"
        self.levels, self.embeddings, self.fusion = network.levels, network.embeddings, network.fusion
        (self.head,) = network.heads.values()
        self.task, self.lengths = task, tuple(lengths)

    def forward(self, views: Sequence[View | None]) -> Float[Tensor, "1 K"]:
        """Return the outputs; the views are of the levels that read a raw one, None of those that build on others."""
        summaries: list[Tensor] = []
        finer = (torch.zeros(0, 0), torch.zeros(0))
        for (key, level), length, raw in zip(self.levels.items(), self.lengths, views, strict=True):
            view = raw if raw is not None else _of_units(finer, length)
            samples = self.embeddings[key](view.samples) if key in self.embeddings else view.samples
            finer = vectors, counts = level(samples, view.real), view.real.sum(1)
            summaries.append((vectors * counts[:, None]).sum(0, keepdim=True) / counts.sum().clamp(min=1.0))
        return activated(self.task, self.head(self.fusion(summaries)))


def _of_units(finer: tuple[Float[Tensor, "U W"], Float[Tensor, " U"]], length: int) -> View:
    """Return what a level reads that builds on the one before it: its units' vectors, if they hold any sample."""
    vectors, counts = finer
    return View(_grouped(vectors, length), _grouped((counts > 0).float()[:, None], length)[:, :, 0])


def _grouped(vectors: Float[Tensor, "U W"], length: int) -> Float[Tensor, "_ S W"]:
    """Return units of ``length`` vectors each, the last one filled up with zeros."""
    return F.pad(vectors, (0, 0, 0, -len(vectors) % length)).reshape(-1, length, vectors.shape[1])


class OfWords(nn.Module):
    """From the ids of a text's words, in windows, to the outputs.

    Args:
        network: of it.
    """

    def __init__(self, network: Chained) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Int[Tensor, "1 N"]) -> dict[str, Float[Tensor, "1 K"]]:
        """Return the outputs; padding is 0, and stands behind the last word."""
        words = ids.reshape(-1, self.network.lengths[0], 1)
        view = View(words, (words[:, :, 0] != 0).float())
        return {OUTPUT: self.network([view, *[None] * (len(self.network.lengths) - 1)])}


class OfPixels(nn.Module):
    """From an image to the outputs.

    Args:
        network: of it.
        fitted: how it is cut.
    """

    def __init__(self, network: Chained, fitted: ImageInput) -> None:
        super().__init__()
        self.network, self.fitted = network, fitted
        self.grey = len(fitted.mean) == 1
        height, width = fitted.size
        for place, chain in enumerate(chains(fitted.levels.values())):
            if chain is not None:
                samples = np.arange(height * width // chain.scale**2)
                grid = samples.reshape(1, height // chain.scale, width // chain.scale, 1)
                self.register_buffer(f"order_{place}", torch.from_numpy(tiles(grid, chain.lengths)[0, :, :, 0].copy()))

    def forward(self, image: Float[Tensor, "1 H W 3"]) -> dict[str, Float[Tensor, "1 K"]]:
        """Return the outputs; red, green and blue are from 0 to 255."""
        if self.grey:
            image = torch.floor((image * torch.tensor(GREY)).sum(3, keepdim=True) + 0.5)
        found = [
            None if chain is None else self._view(image, place, chain.scale)
            for place, chain in enumerate(chains(self.fitted.levels.values()))
        ]
        return {OUTPUT: self.network(found)}

    def _view(self, image: Float[Tensor, "1 H W C"], place: int, scale: int) -> View:
        _, height, width, channels = image.shape
        if scale > 1:
            parts = image.reshape(height // scale, scale, width // scale, scale, channels)
            image = parts.sum(3).sum(1) / scale**2
        mean, std = torch.tensor(self.fitted.mean), torch.tensor(self.fitted.std)
        pixels = image.reshape(-1, channels) / (255 * std) - mean / std
        order = self.get_buffer(f"order_{place}")
        samples = pixels[order.flatten()].reshape(*order.shape, channels)
        return View(samples, torch.ones(order.shape))


@dataclass(frozen=True)
class Flat:
    """A flat model before it is converted.

    Attributes:
        module: from one input to the outputs.
        name: of the input.
        example: of the input's shape and type.
    """

    module: nn.Module
    name: str
    example: Tensor


def flat_text(network: Network, fitted: TextInput, task: Task, words: int) -> Flat:
    """Return a flat model of so many words, a multiple of those in a window."""
    chained = Chained(network, task, [window.length for window in fitted.levels.values()])
    return Flat(OfWords(chained), "ids", torch.ones(1, words, dtype=torch.int32))


def flat_image(network: Network, fitted: ImageInput, task: Task) -> Flat:
    """Return a flat model of an image in red, green and blue; one that reads grey turns it into grey itself."""
    chained = Chained(network, task, [window.length**fitted.axes for window in fitted.levels.values()])
    return Flat(OfPixels(chained, fitted), "image", torch.zeros(1, *fitted.size, 3))


def most_words(fitted: TextInput) -> int:
    """Return how many words all units together can hold."""
    return prod(window.length for window in fitted.levels.values())


def convert_flat(flat: Flat) -> bytes:
    """Return a flat model as a flatbuffer in float32.

    Raises:
        ConvertError: an operator does not convert.
    """
    try:
        return apart(flatbuffer, flat)
    except ApartError as error:
        raise ConvertError(f"the converter stopped: {error}") from None


@needs("litert_torch")
def flatbuffer(flat: Flat) -> bytes:
    """Return the bytes of a flat model; better called through ``apart``."""
    module = flat.module.eval().float().requires_grad_(False)
    inputs: Mapping[str, Tensor] = {flat.name: flat.example}
    try:
        return joined([Signature(SIGNATURE, module, dict(inputs))])
    except Exception as error:  # noqa: BLE001  torch, jax and MLIR each raise errors of their own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConvertError(f"expected a network that converts as one signature; got: {reason}") from None
