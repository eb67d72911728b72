import torch

from mgdist.models.fusion import ConcatFusion, DeepFusion, Even, GatedFusion

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


def test_even_summaries_have_the_same_length_whatever_came():
    short, long = Even(levels=2)([torch.tensor([[0.3, 0.4]]), torch.tensor([[300.0, 400.0]])])
    assert torch.allclose(short, long, atol=1e-3)


def test_an_empty_summary_stays_zero():
    assert Even(levels=1)([torch.zeros(1, 3)])[0].tolist() == [[0.0, 0.0, 0.0]]


def test_hidden_layers_stand_between_the_fusion_and_the_heads() -> None:
    torch.manual_seed(0)
    fusion = DeepFusion(fusion=ConcatFusion(widths=[3, 2]), width=5, hidden=[7, 4], dropout=0.5).eval()
    fused = fusion([torch.randn(6, 3), torch.randn(6, 2)])
    assert (fusion.width, tuple(fused.shape)) == (4, (6, 4))
    assert fused.min() == 0
    assert sum(weight.numel() for weight in fusion.parameters()) == 6 * 7 + 8 * 4
