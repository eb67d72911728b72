"""What of a cluster trainings may have: all that there is, without the driver's own cores."""

import os
from collections.abc import Mapping

DRIVER = "MGDIST_DRIVER_CPUS"
"""Variable that tells a driver how many cores are kept for it; none where it is not set."""


def of_driver() -> float:
    """Return how many cores are kept for this driver."""
    return float(os.environ.get(DRIVER, "0"))


def for_trainings(found: Mapping[str, float], driver: float | None = None) -> dict[str, float]:
    """Return a cluster's resources, such as ``{"CPU": 4.0, "GPU": 1.0}``, without the cores of the driver.

    Args:
        found: of all nodes.
        driver: cores that are kept for it; None: as this process was told.
    """
    kept = of_driver() if driver is None else driver
    return {**found, "CPU": max(0.0, found.get("CPU", 1.0) - kept)}
