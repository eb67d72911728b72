"""The whole network: levels from fine to coarse, of one input or several, then fusion and heads."""

from collections.abc import Mapping

from jaxtyping import Float, Int
from torch import Tensor, nn

from mgdist.data.batches import Batch


class Network(nn.Module):
    """Units become vectors level by level; a summary of each level reaches the heads.

    A level reads a raw view of its input, or it builds on the level before it, whose units are its samples.

    Args:
        embeddings: for each level that reads ids, ids (N, S, O) -> samples (N, S, C).
        levels: by name; of each input, finest first.
        fusion: summaries (B, W) of all levels -> (B, F).
        heads: by name, (B, F) -> outputs (B, K).
        dropout: share of the fused numbers dropped in training.
        dropout_between: share of the numbers between levels dropped in training.
    """

    def __init__(
        self,
        *,
        embeddings: Mapping[str, nn.Module],
        levels: Mapping[str, nn.Module],
        fusion: nn.Module,
        heads: Mapping[str, nn.Module],
        dropout: float,
        dropout_between: float,
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict({key_of(name): module for name, module in embeddings.items()})
        self.levels = nn.ModuleDict({key_of(name): module for name, module in levels.items()})
        self.fusion = fusion
        self.heads = nn.ModuleDict(dict(heads))
        self.dropout = nn.Dropout(dropout)
        self.dropout_between = nn.Dropout(dropout_between)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, "B _"]]:
        """Return the outputs of each head for a batch: logits, or standardised numbers."""
        fused = self.dropout(self.fusion(self.summaries(batch)))
        return {name: head(fused) for name, head in self.heads.items()}

    def summaries(self, batch: Batch) -> list[Float[Tensor, "B _"]]:
        """Return what each level says of each example of a batch."""
        summaries: list[Tensor] = []
        vectors: Tensor | None = None
        for (name, level), units in zip(self.levels.items(), batch.levels, strict=True):
            if units.members is not None:
                assert vectors is not None, "the first level of an input reads a raw view"
                samples = self.dropout_between(vectors)[units.members]
            else:
                assert units.samples is not None, "a level reads a raw view or builds on the one before it"
                samples = self.embeddings[name](units.samples) if name in self.embeddings else units.samples
            mask = units.mask.to(samples.dtype)
            vectors = level(samples, mask)
            summaries.append(summary(vectors, mask.sum(1), units.owners, len(batch)))
        return summaries


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
