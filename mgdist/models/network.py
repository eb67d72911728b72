"""The whole network: embedding, levels from fine to coarse, fusion, head."""

from collections.abc import Mapping

from jaxtyping import Float, Int
from torch import Tensor, nn

from mgdist.data.batches import Batch


class Network(nn.Module):
    """Units become vectors level by level; a summary of each level reaches the head.

    Args:
        embedding: ids (N, S, O) -> samples (N, S, C) of the finest level.
        levels: name -> level, finest first; the units of one are the samples of the next.
        fusion: summaries (B, W) of all levels -> (B, F).
        head: (B, F) -> outputs (B, K).
        dropout: share of the fused numbers dropped in training.
        dropout_between: share of the numbers between levels dropped in training.
    """

    def __init__(
        self,
        *,
        embedding: nn.Module,
        levels: Mapping[str, nn.Module],
        fusion: nn.Module,
        head: nn.Module,
        dropout: float,
        dropout_between: float,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.levels = nn.ModuleDict(levels)
        self.fusion = fusion
        self.head = head
        self.dropout = nn.Dropout(dropout)
        self.dropout_between = nn.Dropout(dropout_between)

    def forward(self, batch: Batch) -> Float[Tensor, "B K"]:
        """Return the head's outputs for a batch: logits for a classification."""
        samples = self.embedding(batch.ids)
        summaries = []
        for index, level in enumerate(self.levels.values()):
            mask = batch.masks[index].to(samples.dtype)
            vectors = level(samples, mask)
            summaries.append(summary(vectors, mask.sum(1), batch.owners[index], len(batch.targets)))
            if index < len(batch.members):
                samples = self.dropout_between(vectors)[batch.members[index]]
        outputs: Tensor = self.head(self.dropout(self.fusion(summaries)))
        return outputs


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
