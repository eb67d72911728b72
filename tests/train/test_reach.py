"""A run's folder by way of a keeper, an actor of a real, embedded Ray, as processes on other nodes have it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray as rays
from pyarrow import fs

from mgdist.cluster.connect import Connection
from mgdist.errors import TrainError
from mgdist.train import keeper, reach
from mgdist.train.events import METRICS, Step, note
from mgdist.train.reach import Reach, own_address, reach_of

STEP = Step("all", 1, 1, 10, 1, 0.5, 0.01, 100.0, 9.0)


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with Connection(cpus=2, dashboard=False) as connection:
        connection.wait()
        yield


@pytest.fixture
def distant(ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reach:
    monkeypatch.setattr(reach, "BROUGHT", tmp_path / "brought")
    monkeypatch.setattr(reach, "SCRATCH", tmp_path / "scratch")
    return Reach("today", rays.remote(num_cpus=0)(keeper.Keeper).remote())


def test_one_machine_needs_no_keeper(ray: None, tmp_path: Path) -> None:
    found = reach_of(tmp_path, "CPU")
    assert found == Reach(tmp_path.name)
    assert list(tmp_path.iterdir()) == []
    assert found.bring(tmp_path) == tmp_path
    assert found.scratch(tmp_path) == tmp_path


def test_a_node_that_came_later_and_sees_nothing_is_told_so(ray: None, tmp_path: Path) -> None:
    with pytest.raises(TrainError) as error:
        Reach("today").bring(tmp_path / "data")
    assert str(error.value) == (
        f"node {own_address()}: expected to see {tmp_path / 'data'}, which the driver has written; found nothing; "
        "submit again: as the node is there now, the driver's will keep the folder for it"
    )


def test_a_folder_is_brought_once_and_again_when_it_has_changed(distant: Reach, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "train").mkdir(parents=True)
    (data / "about.json").write_text("{}")
    np.save(data / "train" / "ids.npy", np.arange(3 * keeper.BLOCK // 8))
    brought = distant.bring(data)
    assert brought.is_relative_to(tmp_path / "brought")
    assert {str(path.relative_to(brought)) for path in brought.rglob("*")} == {"about.json", "train", "train/ids.npy"}
    assert (brought / "train" / "ids.npy").read_bytes() == (data / "train" / "ids.npy").read_bytes()
    assert distant.bring(data) == brought
    (data / "about.json").write_text('{"rows": 3}')
    assert (distant.bring(data) / "about.json").read_text() == '{"rows": 3}'
    assert (brought / "about.json").read_text() == "{}", "somebody may be reading it"


def test_a_file_is_brought_alone(distant: Reach, tmp_path: Path) -> None:
    (tmp_path / "start.safetensors").write_bytes(b"weights")
    assert distant.bring(tmp_path / "start.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize("size", [0, 5, keeper.BLOCK, 2 * keeper.BLOCK + 7])
def test_what_is_written_is_whole(distant: Reach, tmp_path: Path, size: int) -> None:
    content, path = np.random.default_rng(1).bytes(size), tmp_path / "members" / "trial_1.safetensors"
    distant.write(path, b"before")
    distant.write(path, content)
    assert path.read_bytes() == distant.read(path) == content
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_ray_keeps_checkpoints_there(distant: Reach, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    (here / "sub" / "weights").write_bytes(b"w" * 1000)
    there = distant.storage(tmp_path / "run")["storage_filesystem"]
    fs.copy_files(str(here), f"{tmp_path}/run/checkpoint_1", destination_filesystem=there)
    assert (tmp_path / "run" / "checkpoint_1" / "sub" / "weights").read_bytes() == b"w" * 1000
    assert distant.names(tmp_path / "run", "checkpoint_") == ["checkpoint_1"]
    with distant.at_hand(tmp_path / "run") as there_is:
        assert (there_is("checkpoint_1") / "sub" / "weights").read_bytes() == b"w" * 1000
    there.delete_dir(f"{tmp_path}/run/checkpoint_1")
    assert distant.names(tmp_path / "run", "checkpoint_") == distant.names(tmp_path / "none", "") == []
    assert distant.read(tmp_path / "none") == b""


def test_events_and_curves_are_written_there_in_their_order(distant: Reach, tmp_path: Path) -> None:
    heard: list[object] = []
    told = distant.recorder(tmp_path, tmp_path / "tensorboard", heard.append)
    told.tell(note("planned", "first"))
    told(STEP)
    told.tell(note("planned", "last"))
    told.close()
    lines = (tmp_path / METRICS).read_text().splitlines()
    assert ["first" in lines[0], '"loss": 0.5' in lines[1], "last" in lines[2]] == [True] * 3
    assert heard == [STEP]
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1


def test_what_was_not_used_for_long_is_taken_away(
    distant: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = distant.scratch(tmp_path / "one")
    (old / "left").touch()
    monkeypatch.setattr(reach, "UNUSED", -1.0)
    distant.scratch(tmp_path / "two")
    assert not old.exists()
