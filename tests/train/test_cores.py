"""What of a cluster trainings may have."""

import pytest

from mgdist.train.cores import DRIVER, for_trainings


def test_the_drivers_own_cores_are_not_for_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"CPU": 4.0, "GPU": 1.0}
    assert for_trainings(found) == found
    monkeypatch.setenv(DRIVER, "1.5")
    assert for_trainings(found) == {"CPU": 2.5, "GPU": 1.0}
    monkeypatch.setenv(DRIVER, "8")
    assert for_trainings(found)["CPU"] == 0
