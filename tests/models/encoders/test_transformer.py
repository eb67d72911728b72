import pytest
import torch
from torch.nn import functional as F

from mgdist.models.encoders.transformer import Attention, TransformerEncoder


def test_attention_is_pytorchs():
    torch.manual_seed(0)
    attention = Attention(width=8, heads=2)
    samples, mask = torch.randn(3, 5, 8), (torch.arange(5) < torch.tensor([[5], [3], [1]])).float()
    query, key, value = (part.view(3, 5, 2, 4).transpose(1, 2) for part in attention.ask(samples).chunk(3, 2))
    gathered = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :].bool())
    expected = attention.out(gathered.transpose(1, 2).reshape(3, 5, 8))
    assert torch.allclose(attention(samples, mask), expected, atol=1e-6)


@pytest.mark.parametrize("length", [5, None])
def test_order_matters_where_there_are_positions(length: int | None):
    torch.manual_seed(0)
    encoder = TransformerEncoder(channels=8, width=8, length=length, layers=1, heads=2, expansion=2)
    samples, mask = torch.randn(1, 5, 8), torch.ones(1, 5)
    there, back = (encoder(each, mask)[0].sum(1) for each in (samples, samples.flip(1)))
    assert torch.allclose(there, back, atol=1e-4) is (length is None)
