import torch

from mgdist.models.fusion import ConcatFusion, GatedFusion

SUMMARIES = [torch.randn(2, 3), torch.randn(2, 5)]


def test_concat_is_as_wide_as_all_levels():
    fusion = ConcatFusion(widths=[3, 5])
    assert fusion.width == 8
    assert torch.equal(fusion(SUMMARIES), torch.cat(SUMMARIES, 1))


def test_a_gate_that_prefers_one_level_gives_its_projection():
    fusion = GatedFusion(widths=[3, 5], width=4)
    torch.nn.init.zeros_(fusion.gate.weight)
    with torch.no_grad():
        fusion.gate.bias.copy_(torch.tensor([50.0, -50.0]))
    assert fusion.width == 4
    assert torch.allclose(fusion(SUMMARIES), fusion.project[0](SUMMARIES[0]), atol=1e-6)
