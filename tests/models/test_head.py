import torch

from mgdist.models.head import ClassifyHead


def test_a_head_that_reads_classes_begins_by_believing_them():
    torch.manual_seed(0)
    head = ClassifyHead(width=8, classes=3, reads_classes=True)
    fused = torch.zeros(3, 8)
    fused[:, :3] = 4 * torch.eye(3)
    assert head(fused).argmax(1).tolist() == [0, 1, 2]
