"""A part of a device model: converters take seconds for each signature."""

from collections.abc import Collection, Mapping

from mgdist.apart import needs
from mgdist.export.litert_route import joined, signatures
from mgdist.models.network import Network
from mgdist_edge.manifest import Level
from mgdist_edge.tasks import Task


@needs("litert_torch")
def some_of(network: Network, levels: tuple[Level, ...], tasks: Mapping[str, Task], names: Collection[str]) -> bytes:
    """Return a device model with the signatures of these names; better called through ``apart``."""
    frozen = network.eval().float().requires_grad_(False)
    return joined([each for each in signatures(frozen, levels, tasks) if each.name in names])
