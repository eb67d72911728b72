"""The whole network: levels from fine to coarse, of one input or several, then fusion and heads."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mgdist.data.batches import Batch
from mgdist.job.phases import TOP, Phase
from mgdist.models.level import Level
from mgdist.models.uncertainty import ROOM, Uncertainty


class Spoken(NamedTuple):
    """What a level says of a batch.

    Attributes:
        summary: of each example, (B, W).
        states: for each labelled sample the one that covers it, (T, D); None where the level is finer, or none are
            labelled.
    """

    summary: Tensor
    states: Tensor | None


class Network(nn.Module):
    """Units become vectors level by level; a summary of each level reaches the heads.

    A level reads a raw view of its input, or it builds on the level before it, whose units are its samples.

    Where single samples are labelled, each reaches its heads with its own state and, at each coarser level, with the
    state of the sample that covers it.

    Args:
        embeddings: for each level that reads ids, ids (N, S, O) -> samples (N, S, C).
        levels: by name; of each input, finest first.
        fusion: summaries (B, W) of all levels -> (B, F); None where all heads label samples.
        heads: by name, (B, F) -> outputs (B, K); of labelled samples (T, F) -> (T, K).
        dropout: share of the fused numbers dropped in training.
        dropout_between: share of the numbers between levels dropped in training.
        unit_dropout: share of the units of each level that are not heard in training; one of an example always is.
        sample_fusion: states (T, D) of the labelled level and of all coarser ones -> (T, F); None where no samples are
            labelled.
    """

    def __init__(
        self,
        *,
        embeddings: Mapping[str, nn.Module],
        levels: Mapping[str, nn.Module],
        fusion: nn.Module | None,
        heads: Mapping[str, nn.Module],
        dropout: float,
        dropout_between: float,
        unit_dropout: float = 0.0,
        sample_fusion: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict({key_of(name): module for name, module in embeddings.items()})
        self.levels = nn.ModuleDict({key_of(name): module for name, module in levels.items()})
        self.fusion, self.sample_fusion = fusion, sample_fusion
        self.heads = nn.ModuleDict(dict(heads))
        self.auxiliary = nn.ModuleDict()
        self.hints = nn.ModuleDict()
        self.uncertainty: Uncertainty | None = None
        self.shares: dict[str, float] = {}
        self.dropout = nn.Dropout(dropout)
        self.dropout_between = nn.Dropout(dropout_between)
        self.unit_dropout = unit_dropout

    def forward(self, batch: Batch, phase: Phase | None = None) -> dict[str, Float[Tensor, "_ _"]]:
        """Return the outputs of each head for a batch: logits, or standardised numbers.

        Args:
            batch: with the units of the levels that run.
            phase: tells what runs; all but the auxiliary heads where it is None. Those of a level's auxiliary heads
                are called as :func:`auxiliary_name` says. In training, how uncertain the heads are comes along, and
                what the levels say, called as :func:`said_name` says, where that is compared with a teacher's.
        """
        spoken = list(self.spoken(batch, phase))
        if phase is None:
            return self._answers(spoken, batch)
        found = self._answers(spoken, batch) if phase.heads else {}
        if self.uncertainty is not None and self.training:
            found[UNCERTAINTY] = self.uncertainty().expand(len(batch), -1)
        told = dict(zip(phase.levels, spoken, strict=True))
        if phase.states and self.training:
            heard = {level: self.hints[key_of(level)] for level in told if key_of(level) in self.hints}
            found |= {said_name(level): hint(told[level].summary) for level, hint in heard.items()}
        for level in phase.auxiliary:
            for name, head in cast(nn.ModuleDict, self.auxiliary[key_of(level)]).items():
                read = told[level].states if self._labels_samples(name, batch) else told[level].summary
                found[auxiliary_name(level, name)] = batch.restored(head(self.dropout(read)))
        return found

    def _answers(self, spoken: list[Spoken], batch: Batch) -> dict[str, Float[Tensor, "_ _"]]:
        mix, fused, labelled = batch.mix, None, None
        if self.fusion is not None:
            fused = self.dropout(self.fusion([each.summary for each in spoken]))
            fused = mix.of(fused) if mix is not None and mix.fused else fused
        if self.sample_fusion is not None:
            labelled = self.dropout(self.sample_fusion([each.states for each in spoken if each.states is not None]))
        reads = {name: labelled if self._labels_samples(name, batch) else fused for name in self.heads}
        return {name: batch.restored(head(reads[name])) for name, head in self.heads.items()}

    def _labels_samples(self, head: str, batch: Batch) -> bool:
        return batch.tagged is not None and head in batch.tagged.heads

    def part_of(self, parameter: str) -> tuple[str, bool]:
        """Return the part that a parameter belongs to, its level's key or TOP; and whether it is of auxiliary heads."""
        room, _, rest = parameter.partition(".")
        return (TOP if room in ("fusion", "sample_fusion", "heads") else rest.partition(".")[0]), room == "auxiliary"

    def rate(self, parameter: str, phase: Phase) -> float:
        """Return the factor of the learning rate that a parameter has in a phase; 0 where it stays as it is."""
        if parameter.startswith(ROOM):
            return 1.0  # heads, auxiliary ones too, learn in every phase
        part, auxiliary = self.part_of(parameter)
        names = {key_of(level): level for level in phase.levels}
        if auxiliary:
            return 1.0 if names.get(part) in phase.auxiliary else 0.0
        if self.fusion is None and not phase.heads and ".pools." in parameter and names.get(part) in phase.auxiliary:
            return 0.0  # the labels of samples read the states, and in its own stage no level builds on the units
        return self.shares.get(parameter, 1.0) * phase.rate(TOP if part == TOP else names.get(part, part))

    def slow_down(self, factors: Mapping[str, float]) -> None:
        """Let some parameters learn slower in all phases; those that are frozen now never learn.

        Args:
            factors: start of the parameters' names -> their share of the learning rate.
        """
        for name, weight in self.named_parameters():
            share = next((factor for start, factor in factors.items() if name.startswith(start)), 1.0)
            self.shares[name] = share if weight.requires_grad else 0.0

    def recompute(self, *, again: bool) -> None:
        """Let encoders, or their blocks, be computed once more for the backward pass, and keep less till then."""
        for level in self.levels.values():
            encoder = cast(Level, level).encoder
            (encoder if hasattr(encoder, "recompute") else cast(Level, level)).recompute = again  # type: ignore[assignment]

    def learn(self, phase: Phase) -> None:
        """Go into training mode; what stays as it is in a phase counts no statistics and drops nothing."""
        self.train()
        for level in phase.levels:
            if phase.rate(level) == 0:
                for modules in (self.embeddings, self.levels):
                    if key_of(level) in modules:
                        modules[key_of(level)].eval()

    def spoken(self, batch: Batch, phase: Phase | None = None) -> Iterator[Spoken]:
        """Yield what each level that runs says of a batch, finest first."""
        vectors: Tensor | None = None
        kept: Tensor | None = None
        runs = list(self.levels) if phase is None else [key_of(level) for level in phase.levels]
        parts = {} if phase is None else {key_of(level): part for level, part in phase.parts.items()}
        covers = batch.tagged.covers if batch.tagged is not None else (None,) * len(runs)
        for name, units, cover in zip(runs, batch.levels, covers, strict=True):
            if units.members is not None:
                assert vectors is not None, "the first level of an input reads a raw view"
                samples = self.dropout_between(vectors)[units.members]
            else:
                assert units.samples is not None, "a level reads a raw view or builds on the one before it"
                samples = self.embeddings[name](units.samples) if name in self.embeddings else units.samples
            mask = units.mask.to(samples.dtype)
            mask = mask if kept is None or units.members is None else mask * kept[units.members]
            level = cast(Level, self.levels[name])
            states, seen = level.states(samples, mask, parts.get(name))
            vectors = level.vectors(states, seen, samples, mask)
            kept = self._kept(mask, units.owners, batch.examples) if self.training and self.unit_dropout else None
            heard = mask.sum(1) if kept is None else mask.sum(1) * kept
            mine = None if cover is None else states.flatten(0, 1)[cover]
            yield Spoken(summary(vectors, heard, units.owners, batch.examples), mine)

    def _kept(self, mask: Float[Tensor, "N S"], owners: Int[Tensor, " N"], examples: int) -> Float[Tensor, " N"]:
        """Draw which units are heard, 1 or 0; an example that would lose all of them keeps all that hold anything."""
        holds = (mask.sum(1) > 0).to(mask.dtype)
        drawn = holds * (torch.rand_like(holds) >= self.unit_dropout)
        left = holds.new_zeros(examples).index_add(0, owners, drawn)
        return torch.where(left[owners] > 0, drawn, holds)


UNCERTAINTY = "uncertainty:"
"""What the logarithms of the heads' variances, (B, H), are called among the outputs; no head has such a name."""


def auxiliary_name(level: str, head: str) -> str:
    """Return what the outputs of a level's auxiliary head are called."""
    return f"{level}:{head}"


def said_name(level: str) -> str:
    """Return what the summaries of a level are called among the outputs; no level has an empty name."""
    return f":{level}"


def key_of(name: str) -> str:
    """Return the name of a level or an input as modules and signatures bear it: without a dot."""
    return name.replace(".", "_")


def summary(
    vectors: Float[Tensor, "N W"], samples: Float[Tensor, " N"], owners: Int[Tensor, " N"], examples: int
) -> Float[Tensor, "B W"]:
    """Average the units of each example, each with the weight of its samples.

    So the mean of the words' means is the mean of all words.

    Args:
        vectors: of all units.
        samples: how many each unit holds.
        owners: the example that each unit belongs to, 0 to B - 1.
        examples: B.
    """
    weights = samples.to(vectors.dtype)
    total = vectors.new_zeros(examples, vectors.shape[1]).index_add(0, owners, vectors * weights.unsqueeze(1))
    count = vectors.new_zeros(examples).index_add(0, owners, weights)
    return total / count.clamp(min=1.0).unsqueeze(1)
