"""The one table of vectors: for words, and for hashed n-grams behind them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


class Embedding(nn.Module):
    """A sample's vector is the sum of the rows of its word and of the n-grams that end at it.

    After Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017.

    Args:
        rows: vocabulary and n-gram buckets; row 0 is the padding and stays zero.
        width: C, numbers of a row.
        dropout: share of the summed numbers dropped in training.
        word_dropout: share of the words and n-grams dropped in training, each as a whole.
        scale: (rows,) factor of each row's initial numbers, such as an inverse document frequency.
    """

    SPREAD = 0.1
    """Standard deviation of the initial numbers."""

    def __init__(
        self,
        *,
        rows: int,
        width: int,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        scale: Float[Tensor, " rows"] | None = None,
    ) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        self.dropout = nn.Dropout(dropout)
        initial = torch.randn(rows, width) * self.SPREAD
        if scale is not None:
            initial *= scale.unsqueeze(1)
        initial[0] = 0.0
        self.weight = nn.Parameter(initial)

    def begin_with(self, columns: Float[Tensor, "rows K"]) -> None:
        """Let the first K numbers of each row start as given, ten times louder than the others."""
        columns = columns.clone()
        columns[0] = 0.0
        spread = columns.square().mean().sqrt().clamp(min=1e-9)
        with torch.no_grad():
            self.weight.mul_(0.1)
            self.weight[:, : columns.shape[1]] = columns / spread * self.SPREAD

    def forward(self, ids: Int[Tensor, "N S O"]) -> Float[Tensor, "N S C"]:
        """Return the samples' vectors; those of padding are zero."""
        if torch.compiler.is_exporting():
            return F.embedding(ids, self.weight).sum(2)
        samples: Tensor = self.dropout(self._summed(ids))
        return samples

    def _summed(self, ids: Int[Tensor, "N S O"]) -> Float[Tensor, "N S C"]:
        """Look up and add in one pass: (N, S, O, C) would be the largest tensor of a whole training step."""
        units, samples, order = ids.shape
        weights = None
        if self.training and self.word_dropout:
            keep = 1 - self.word_dropout
            weights = torch.bernoulli(self.weight.new_full((units * samples, order), keep)) / keep
        summed = F.embedding_bag(
            ids.reshape(-1, order), self.weight, mode="sum", per_sample_weights=weights, padding_idx=0
        )
        return summed.view(units, samples, -1)


class FieldEmbedding(nn.Module):
    """A field's vector: its row times its value, plus a second row; of a category the value is 1.

    After Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021, section 3.3.

    Args:
        rows: ids of all fields; row 0 is the padding and stays zero.
        width: C, numbers of a vector.
        dropout: share of the numbers dropped in training.
    """

    SPREAD = 0.1
    """Standard deviation of the initial factors; what is added starts at 0, also for what no row of training has."""

    def __init__(self, *, rows: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        initial = torch.cat([torch.randn(rows, width) * self.SPREAD, torch.zeros(rows, width)], 1)
        initial[0] = 0.0
        self.weight = nn.Parameter(initial)

    def forward(self, fields: Float[Tensor, "N S 2"]) -> Float[Tensor, "N S C"]:
        """Return the vectors of fields, each given by its id and its value."""
        ids, values = fields[:, :, 0].to(torch.int32), fields[:, :, 1:]
        factors, added = F.embedding(ids, self.weight).chunk(2, 2)
        vectors: Tensor = self.dropout(factors * values + added)
        return vectors
