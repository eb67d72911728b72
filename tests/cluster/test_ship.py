import json
from pathlib import Path

import pytest

from mgdist.cluster.environment import environment, require
from mgdist.cluster.ship import ship
from mgdist.errors import ClusterError, DataError, JobError
from mgdist.job.load import load
from mgdist.job.spec import Job

JOB = """\
name: small
task: {kind: classify, label: label}
data:
  source: {kind: files, train: TRAIN}
  input: {kind: text, columns: text}
granularities:
  word: {length: 12, encoder: {kind: bag}}
"""


def job(folder: Path, train: object, *more: str) -> Job:
    (folder / "job.yaml").write_text(JOB.replace("TRAIN", json.dumps(str(train))))
    return load(folder / "job.yaml", [f"run.folder={folder / 'runs'}", *more])


def train_of(found: Job) -> Path:
    return Path(found.data.source.train)  # type: ignore[union-attr]


def test_a_file_is_copied_once_under_the_hash_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\n")
    first = train_of(ship(job(tmp_path, tmp_path / "train.csv")))
    assert first.read_text() == "text,label\n"
    assert first.parent.parent == tmp_path / "runs" / "shipped"
    written = first.stat().st_mtime_ns
    assert train_of(ship(job(tmp_path, tmp_path / "train.csv"))) == first
    assert first.stat().st_mtime_ns == written
    (tmp_path / "train.csv").write_text("text,label\nmore,a\n")
    assert train_of(ship(job(tmp_path, tmp_path / "train.csv"))) != first
    assert first.read_text() == "text,label\n", "an earlier run still finds what it read"


def test_a_copy_that_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\n")
    first = train_of(ship(job(tmp_path, tmp_path / "train.csv")))
    first.write_text("te")
    assert train_of(ship(job(tmp_path, tmp_path / "train.csv"))).read_text() == "text,label\n"


@pytest.mark.parametrize("train", ["parts", "parts/*.csv"])
def test_a_folder_and_a_glob_are_copied(tmp_path: Path, train: str) -> None:
    (tmp_path / "parts").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "parts" / name).write_text(name)
    found = train_of(ship(job(tmp_path, tmp_path / train)))
    assert {path.name: path.read_text() for path in found.iterdir()} == {"a.csv": "a.csv", "b.csv": "b.csv"}


def test_what_the_cluster_sees_stays(tmp_path: Path) -> None:
    for address in (f"{tmp_path}/runs/mine/train.csv", "s3://bucket/train.parquet", "memory://train.csv"):
        asked = job(tmp_path, address)
        assert ship(asked) == asked
    assert not (tmp_path / "runs").exists()


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        ship(job(tmp_path, tmp_path / "none.csv"))
    assert str(error.value) == f"data.source.train: {tmp_path}/none.csv: no such file or folder; check the path"


def test_results_that_would_stay_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError) as error:
        ship(job(tmp_path, "train.csv", "run.folder=runs"))
    assert str(error.value).startswith("run.folder: expected a folder that the cluster and this machine see, such as ")


def test_a_private_key_does_not_leave(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="a private key does not leave this machine"):
        ship(job(tmp_path, "train.csv", f"run.key={tmp_path}/key"))


def test_other_versions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    path.write_text(json.dumps(environment()))
    require(path)
    path.write_text(json.dumps({**environment(), "ray": "2.1.0"}))
    with pytest.raises(ClusterError) as error:
        require(path)
    assert f"found ray 2.1.0 here, {environment()['ray']} on the cluster; start the cluster from" in str(error.value)
