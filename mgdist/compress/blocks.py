"""Whole blocks of attention and feed-forward are taken out, so that fewer layers are computed."""

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from mgdist.models.encoders.pretrained import PretrainedEncoder
from mgdist.models.encoders.transformer import TransformerEncoder
from mgdist.models.network import Network


class Passed(nn.Module):
    """What stands in a block's place while it is tried without: what comes in goes on."""

    def forward(self, x: Tensor, *_: object) -> Tensor:
        """Return the states as they are."""
        return x


def take_out_blocks(network: Network, share: float, harm: Callable[[], float]) -> int:
    """Take the blocks that matter least out of a network, one after another; return how many.

    Each time that one goes without which the harm is smallest. After Kim et al., "Shortened LLaMA: Depth Pruning for
    Large Language Models with Comparison of Retraining Methods", 2024, with the loss of the task as what is measured.

    Args:
        network: trained.
        share: of its blocks; one of each encoder stays.
        harm: measures the network as it is.
    """
    found = list(stacks(network))
    wanted = min(round(share * sum(map(len, found))), sum(len(each) - 1 for each in found))
    for _ in range(wanted):
        tried = [(_without(each, place, harm), index, place) for index, place, each in _places(found)]
        _, index, place = min(tried)
        del found[index][place]
    return wanted


def stacks(network: nn.Module) -> Iterator[nn.ModuleList]:
    """Yield the blocks of each encoder that is made of such."""
    for part in network.modules():
        if isinstance(part, TransformerEncoder | PretrainedEncoder):
            yield part.blocks


def _places(found: list[nn.ModuleList]) -> Iterator[tuple[int, int, nn.ModuleList]]:
    for index, each in enumerate(found):
        yield from ((index, place, each) for place in range(len(each)) if len(each) > 1)


def _without(blocks: nn.ModuleList, place: int, harm: Callable[[], float]) -> float:
    block = blocks[place]
    blocks[place] = Passed()
    try:
        return harm()
    finally:
        blocks[place] = block
