import numpy as np
import pytest
from tokenizers import Tokenizer, models, trainers

from mgdist.data.fitting.fit import fit
from mgdist.data.sources.docstrings import docstrings, root_of
from mgdist_edge.text import PADDING, UNKNOWN, TextInput, words
from mgdist_edge.windows import Window
from tests.data.rows import files

NO_TARGETS = np.zeros(0, np.int64)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    found = []
    for path in sorted(root_of("networkx").rglob("algorithms/**/*.py")):
        found += docstrings(path.read_text(), 300)
    assert len(found) > 700
    return found


def fitted(texts: list[str], **changes: object) -> TextInput:
    given = {f"data__input__{name}": value for name, value in changes.items()}
    return fit(files("train.csv", **given), {"input": texts}, NO_TARGETS)["input"]


@pytest.mark.parametrize("lowercase", [True, False])
def test_the_vocabulary_is_that_of_tokenizers_own_trainer(texts: list[str], lowercase: bool) -> None:
    trainer = trainers.WordLevelTrainer(
        vocab_size=1500, min_frequency=3, special_tokens=[PADDING, UNKNOWN], show_progress=False
    )
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.train_from_iterator((words(text, lowercase=lowercase) for text in texts), trainer)
    found = fitted(texts, vocabulary=1500, min_count=3, lowercase=lowercase).vocabulary
    assert dict(found) == tokenizer.get_vocab()
    assert len(found) == 1500


def test_padding_and_unknown_come_first_and_then_the_most_frequent_word(texts: list[str]) -> None:
    found = fitted(texts, vocabulary=10)
    assert list(found.vocabulary)[:3] == [PADDING, UNKNOWN, "-"]
    assert list(found.vocabulary.values()) == list(range(10))


def test_a_rare_word_is_unknown() -> None:
    found = fitted(["twice once", "twice"], min_count=2)
    assert dict(found.vocabulary) == {PADDING: 0, UNKNOWN: 1, "twice": 2}
    assert found.views("twice once").samples[0].tolist() == [[2], [1]]


def test_levels_and_ngrams_are_those_of_the_job() -> None:
    job = files("t.csv", model__embedding={"ngrams": {"order": 3, "buckets": 7}})
    found = fit(job, {"input": ["a b"]}, NO_TARGETS)["input"]
    assert (found.order, found.buckets) == (3, 7)
    lengths = {name: window.length for name, window in found.levels.items()}
    assert lengths == {"word": 6, "sentence": 3, "paragraph": 2}


def test_the_first_level_reads_every_reading_and_the_others_build_on_it() -> None:
    assert files("t.csv").windows_of("input") == {
        "word": Window(6, 1),
        "sentence": Window(3, None),
        "paragraph": Window(2, None),
    }


def test_each_of_several_inputs_has_a_vocabulary_and_levels_of_its_own() -> None:
    bag = {"encoder": {"kind": "bag"}, "length": 5}
    inputs = {name: {"kind": "text", "columns": name, "min_count": 1} for name in ("title", "body")}
    levels = {"title.word": bag, "body.word": bag, "body.sentence": {**bag, "length": 2}}
    job = files("t.csv", data__input=None, data__inputs=inputs, granularities=levels)
    found = fit(job, {"title": ["short"], "body": ["a long one"]}, NO_TARGETS)
    assert [*found["title"].vocabulary] == [PADDING, UNKNOWN, "short"]
    assert [*found["body"].vocabulary] == [PADDING, UNKNOWN, "a", "long", "one"]
    assert {name: [*fitted.levels] for name, fitted in found.items()} == {
        "title": ["word"],
        "body": ["word", "sentence"],
    }
