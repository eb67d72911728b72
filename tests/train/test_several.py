"""Two inputs and a head of each kind, from the file to a trained network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mgdist.data.batches import batch
from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.evaluate.network import answers
from mgdist.evaluate.scores import as_json as scores_json
from mgdist.evaluate.scores import from_json, named
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.train.loop import measure
from mgdist.train.prepare import prepare
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Regress
from tests.train.corpus import COMMON, moved, several, write_several

Several = tuple[Job, Dataset]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Several:
    folder = tmp_path_factory.mktemp("several")
    write_several(folder / "rows.jsonl", 400)
    job = several(folder / "rows.jsonl")
    return job, prepare_data(job, folder / "data")


def test_each_input_and_each_head_is_fitted_by_itself(prepared: Several) -> None:
    _, data = prepared
    assert [*data.inputs] == ["title", "body"]
    assert len(data.inputs["title"].vocabulary) < len(data.inputs["body"].vocabulary)
    assert [*data.inputs["title"].levels] == ["word"]
    tasks = data.tasks
    assert tasks["topic"] == Classify(("sea", "sky", "soil"))
    assert tasks["length"] == Ordinal(("1", "2", "3", "4"))
    assert tasks["words"] == MultiLabel(("and", "of", "the"))
    assert isinstance(tasks["counts"], Regress)
    assert tasks["counts"].names == ("sentences", "letters")
    assert data.labels == ("sea", "sky", "soil")


def test_what_ids_stand_in_is_counted_for_each_text_by_class_of_the_first_head(prepared: Several) -> None:
    _, data = prepared
    for name, fitted in data.inputs.items():
        found = data.seen[name]
        assert found.counts.shape == (fitted.rows, 3)
        common = [fitted.vocabulary[word] for word in COMMON if word in fitted.vocabulary]
        assert found.counts[common].sum() > 0
    assert data.seen["title"].counts[data.inputs["title"].vocabulary["reef"]].tolist()[1:] == [0, 0]


def test_a_batch_holds_the_levels_of_all_inputs_and_the_targets_of_all_heads(prepared: Several) -> None:
    _, data = prepared
    rows = np.array([7, 0, 3])
    made = batch(data.train, rows)
    assert [level.samples is not None for level in made.levels] == [True, True, False]
    assert [tuple(each.shape) for each in made.targets.values()] == [(3,), (3,), (3, 3), (3, 2)]
    assert [each.dtype for each in made.targets.values()] == [torch.int64, torch.int64, torch.float32, torch.float32]
    for place, row in enumerate(rows):
        raw = data.train.raw(int(row))
        assert set(raw) == {"title", "body"}
        assert (made.levels[0].owners == place).sum() == 1
        views = data.inputs["body"].views(raw["body"])
        assert (made.levels[1].owners == place).sum() == len(views.lengths[0])
        of_title = made.levels[0].samples[place][made.levels[0].mask[place] > 0]
        assert np.array_equal(of_title, data.inputs["title"].views(raw["title"]).samples[0])
        topics, tasks = data.train.targets["topic"], data.tasks["topic"]
        assert isinstance(tasks, Classify)
        assert tasks.labels[int(topics[row])] == tasks.labels[int(made.targets["topic"][place])]
    assert len(made) == 3


def test_all_heads_learn_from_both_inputs(prepared: Several) -> None:
    job, data = prepared
    training = prepare(moved(job, train__epochs=6), data)
    before = measure(training.network, data.tasks, data.valid)
    progress = training.run()
    training.network.load_state_dict(progress.weights)
    after = measure(training.network, data.tasks, data.valid)
    assert progress.history[-1].loss < progress.history[0].loss
    assert all(after[name].loss < before[name].loss for name in data.tasks)
    assert progress.best.metrics["topic.accuracy"] > 0.9
    assert {name.partition(".")[0] for name in progress.best.metrics} == {"topic", "length", "words", "counts"}
    assert progress.best.quality == pytest.approx(np.mean([each.quality for each in after.values()]))
    weighted = sum((0.5 if name == "words" else 1.0) * each.loss for name, each in after.items())
    assert progress.best.valid_loss == pytest.approx(weighted)
    assert from_json(scores_json(after)) == after


def test_a_metric_that_some_heads_have_is_the_mean_of_these(prepared: Several) -> None:
    job, data = prepared
    moved_job = moved(job, train__metric="macro_f1", train__epochs=1)
    (epoch,) = prepare(moved_job, data).run().history
    found = [value for name, value in epoch.metrics.items() if name.endswith(".macro_f1")]
    assert len(found) == 3
    assert epoch.metric(moved_job.train) == pytest.approx(np.mean(found))


def test_errors_are_better_when_they_are_small(prepared: Several) -> None:
    job, data = prepared
    by_error = moved(job, train__metric="mse", train__epochs=4)
    progress = prepare(by_error, data).run()
    assert progress.best.metrics["counts.mse"] == min(epoch.metrics["counts.mse"] for epoch in progress.history)


def test_answers_of_several_parts_are_those_of_one(prepared: Several) -> None:
    job, data = prepared
    torch.manual_seed(1)
    network = build(job, data.inputs, data.tasks)
    whole = answers(network, data.tasks, data.valid)
    parts = [answers(network, data.tasks, data.valid, rank, 3) for rank in range(3)]
    for name, task in data.tasks.items():
        assert whole[name].shape == (40, task.outputs)
        assert np.allclose(np.concatenate([part[name] for part in parts]), whole[name], atol=1e-6)
    assert np.allclose(whole["topic"].sum(1), 1, atol=1e-5)
    assert np.allclose(whole["length"].sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("head", ["topic", "length", "words", "counts"])
def test_a_head_alone_is_called_answer_and_its_numbers_bear_no_head(
    prepared: Several, tmp_path: Path, head: str
) -> None:
    job, _ = prepared
    document = job.model_dump(mode="json")
    alone = several(Path(job.data.source.train), task=document["task"]["heads"][head], train__epochs=1)  # type: ignore[union-attr]
    data = prepare_data(alone, tmp_path / "data")
    assert [*data.tasks] == ["answer"]
    training = prepare(alone, data)
    (epoch,) = training.run().history
    assert not any("." in name for name in epoch.metrics)
    assert epoch.metrics == named(measure(training.network, data.tasks, data.valid))
    assert epoch.quality == next(iter(epoch.metrics.values()))
