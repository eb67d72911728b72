"""Batches: rows of a shard laid out for a network, and the order in which they are read.

Legend: B examples of a batch, N units of a level (of all B examples), S samples of the longest unit, C channels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from mgdist.data.dataset import Shard
from mgdist.data.stored import Dense, Units


@dataclass(frozen=True)
class Packed:
    """The units of a level, of all examples one after another, without padding units.

    Attributes:
        samples: of a raw view, ids (int32) or readings (float32), zero where padded; None where the level builds on
            the one before it.
        members: the finer level's unit that each sample is, 0 where padded; None where the level reads a raw view.
        mask: 1 where a unit has a sample, 0 where it is padded.
        owners: the example that each unit belongs to.
    """

    samples: Shaped[Tensor, "_ _ _"] | None
    members: Int[Tensor, "_ _"] | None
    mask: Float[Tensor, "_ _"]
    owners: Int[Tensor, " _"]

    def to(self, device: torch.device | str) -> "Packed":
        """Return the units on a device."""
        return type(self)(
            None if self.samples is None else self.samples.to(device),
            None if self.members is None else self.members.to(device),
            self.mask.to(device),
            self.owners.to(device),
        )


@dataclass(frozen=True)
class Mix:
    """With what the examples of a batch are mixed.

    Attributes:
        share: of each example; the rest is its partner's.
        partners: the example that each one is mixed with.
        fused: the fused vectors are to be mixed; else the samples are mixed already.
    """

    share: float
    partners: Int[Tensor, " B"]
    fused: bool

    def of(self, values: Float[Tensor, "B _"]) -> Float[Tensor, "B _"]:
        """Mix what belongs to the examples."""
        return self.share * values + (1 - self.share) * values[self.partners.to(values.device)]


@dataclass(frozen=True)
class Standing:
    """What turns forecasts from the scale of each example to standardised readings.

    Attributes:
        factor: what is multiplied by.
        shift: what is added then.
        apart: each channel is an example of its own for the network.
    """

    factor: Float[Tensor, "B C"]
    shift: Float[Tensor, "B C"]
    apart: bool

    def to(self, device: torch.device | str) -> "Standing":
        """Return it on a device."""
        return type(self)(self.factor.to(device), self.shift.to(device), self.apart)


@dataclass(frozen=True)
class Samples:
    """The labelled samples of a batch, T of them, those of one example after those of another.

    Attributes:
        examples: B.
        heads: that label them.
        covers: for each level, the place of the state that each of them reads, in its (N x S) states; None where the
            level is finer.
    """

    examples: int
    heads: tuple[str, ...]
    covers: tuple[Int[Tensor, " T"] | None, ...]

    def to(self, device: torch.device | str) -> "Samples":
        """Return them on a device."""
        moved = tuple(None if each is None else each.to(device) for each in self.covers)
        return type(self)(self.examples, self.heads, moved)


@dataclass(frozen=True)
class Batch:
    """Some examples.

    Attributes:
        levels: the units of each granularity: of each input, finest first.
        targets: for each head, the index of each example's label (B,), or its numbers (B, K); of a
            forecast (B, C, H); of labelled samples the index of each one's label (T,).
        mix: with what the examples are mixed; None for nothing.
        standing: what turns forecasts to standardised readings; None where nothing is foretold.
        taught: for each head, what a teacher answers (B, K); empty where there is none.
        states: for each level, what a teacher's says of the examples (B, W); empty where it is not learned from.
        tagged: whose samples are labelled; None where none are.
    """

    levels: tuple[Packed, ...]
    targets: Mapping[str, Shaped[Tensor, "B *any"]]
    mix: Mix | None = None
    standing: Standing | None = None
    taught: Mapping[str, Float[Tensor, "B _"]] = field(default_factory=dict)
    states: Mapping[str, Float[Tensor, "B _"]] = field(default_factory=dict)
    tagged: Samples | None = None

    def __len__(self) -> int:
        if self.tagged is not None:
            return self.tagged.examples
        return len(next(iter(self.targets.values())))

    @property
    def examples(self) -> int:
        """How many examples the network sees: B, or B x C where each channel is one."""
        return self.standing.factor.numel() if self.standing is not None and self.standing.apart else len(self)

    def restored(self, outputs: Float[Tensor, "N _"]) -> Float[Tensor, "B _"]:
        """Return the outputs of a head, forecasts as standardised readings, one row an example of the batch."""
        if self.standing is None:
            return outputs
        factor, shift = self.standing.factor.unsqueeze(2), self.standing.shift.unsqueeze(2)
        return (outputs.reshape(*self.standing.factor.shape, -1) * factor + shift).flatten(1)

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device."""
        targets = {name: values.to(device) for name, values in self.targets.items()}
        standing = None if self.standing is None else self.standing.to(device)
        taught = {name: values.to(device) for name, values in self.taught.items()}
        states = {name: values.to(device) for name, values in self.states.items()}
        tagged = None if self.tagged is None else self.tagged.to(device)
        levels = tuple(level.to(device) for level in self.levels)
        return type(self)(levels, targets, self.mix, standing, taught, states, tagged)


def batch(shard: Shard, rows: Int[np.ndarray, " B"], chance: np.random.Generator | None = None) -> Batch:
    """Lay out some rows of a shard, in the order asked for.

    Args:
        shard: the rows.
        rows: of it.
        chance: where the variation of training examples comes from; None for none.
    """
    units = [level for stored in shard.inputs.values() for level in stored.units(rows, chance)]
    return Batch(
        levels=tuple(map(_packed, units)),
        targets={name: torch.from_numpy(shard.targets_of(name, rows)) for name in shard.targets},
        standing=_standing(shard, rows),
        taught={name: torch.from_numpy(shard.outputs_of(name, each, rows)) for name, each in shard.taught.items()},
        states={name: torch.from_numpy(each[rows]) for name, each in shard.states.items()},
        tagged=_samples(shard, rows, units),
    )


def _samples(shard: Shard, rows: Int[np.ndarray, " B"], units: list[Units]) -> Samples | None:
    if shard.tagged is None:
        return None
    covers = shard.tagged.covers(rows, units)
    told = tuple(None if each is None else torch.from_numpy(each) for each in covers)
    return Samples(len(rows), shard.tagged.heads, told)


def _standing(shard: Shard, rows: Int[np.ndarray, " B"]) -> Standing | None:
    if shard.foretells is None:
        return None
    (stored,) = shard.inputs.values()
    assert isinstance(stored, Dense), "windows are of one length"
    factor, shift = shard.foretells.standing(stored.raws[rows])
    return Standing(torch.from_numpy(factor), torch.from_numpy(shift), shard.foretells.apart)


def _packed(units: Units) -> Packed:
    return Packed(
        samples=None if units.samples is None else torch.from_numpy(units.samples),
        members=None if units.members is None else torch.from_numpy(units.members),
        mask=torch.from_numpy(units.mask.astype(np.float32)),
        owners=torch.from_numpy(np.repeat(np.arange(len(units.counts)), units.counts)),
    )


def order(rows: int, *, epoch: int, seed: int, shares: Float[np.ndarray, " R"] | None = None) -> Int[np.ndarray, " R"]:
    """Return a permutation of the rows: another one each epoch, the same for the same seed.

    Args:
        rows: R.
        epoch: counts from 0.
        seed: of the order.
        shares: how often each row is drawn, with the others put back; None for each row once.
    """
    chance = np.random.default_rng([seed, epoch])
    return chance.permutation(rows) if shares is None else chance.choice(rows, rows, p=shares)


def batches(
    shard: Shard,
    *,
    size: int,
    epoch: int,
    seed: int,
    rank: int = 0,
    world: int = 1,
    skip: int = 0,
    shares: Float[np.ndarray, " R"] | None = None,
) -> Iterator[Batch]:
    """Yield one rank's part of each global batch of an epoch.

    All ranks together see the same global batches whatever their number. The rows behind the last whole
    global batch are left out; another permutation brings them in another epoch.

    Args:
        shard: the rows.
        size: examples of a global batch; a multiple of ``world``.
        epoch: counts from 0.
        seed: of the order.
        rank: which part of each global batch, from 0.
        world: parts of each global batch.
        skip: global batches that were trained on before a resume.
        shares: how often each row is drawn; None for each row once.
    """
    assert size % world == 0, f"{world} ranks do not divide a batch of {size}"
    part = size // world
    rows = order(len(shard), epoch=epoch, seed=seed, shares=shares)
    for start in range(skip * size, len(rows) - size + 1, size):
        chance = np.random.default_rng([seed, epoch, start, rank])
        yield batch(shard, rows[start + rank * part : start + (rank + 1) * part], chance)


def evaluation_batches(shard: Shard, size: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """Yield a rank's contiguous share of all rows, in their order; every row comes once in all."""
    begin, end = len(shard) * rank // world, len(shard) * (rank + 1) // world
    for start, stop in pairwise([*range(begin, end, size), end]):
        yield batch(shard, np.arange(start, stop))
