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


def test_order_matters():
    torch.manual_seed(0)
    encoder = TransformerEncoder(channels=8, width=8, length=5, layers=1, heads=2, expansion=2)
    samples, mask = torch.randn(1, 5, 8), torch.ones(1, 5)
    assert not torch.allclose(encoder(samples, mask).sum(1), encoder(samples.flip(1), mask).sum(1), atol=1e-4)
