import numpy as np
import pytest
from tokenizers import Tokenizer, models, trainers

from mgdist.data.fit import Seen, fit
from mgdist.data.sources.docstrings import docstrings, root_of
from mgdist_edge.text import PADDING, UNKNOWN, TextInput, words
from tests.data.rows import files


@pytest.fixture(scope="module")
def texts() -> list[str]:
    found = []
    for path in sorted(root_of("networkx").rglob("algorithms/**/*.py")):
        found += docstrings(path.read_text(), 300)
    assert len(found) > 700
    return found


def fitted(texts: list[str], **changes: object) -> TextInput:
    given = {f"data__input__{name}": value for name, value in changes.items()}
    return fit(texts, files("train.csv", **given))


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
    assert found.views("twice once").samples.tolist() == [[2], [1]]


def test_levels_and_ngrams_are_those_of_the_job() -> None:
    found = fit(["a b"], files("t.csv", model__embedding={"ngrams": {"order": 3, "buckets": 7}}))
    assert (found.order, found.buckets, dict(found.levels)) == (3, 7, {"word": 6, "sentence": 3, "paragraph": 2})


def test_rare_ids_weigh_more_and_unseen_ones_most() -> None:
    found = Seen(np.array([[0, 0], [9, 9], [1, 0]], np.int32), 18).idf()
    assert found.tolist() == pytest.approx([np.log(19) + 1, 1.0, np.log(19 / 2) + 1])
    assert found.dtype == np.float32


def test_ratios_are_those_of_naive_bayes_and_sum_to_nothing() -> None:
    found = Seen(np.array([[4, 0], [1, 1], [0, 4]], np.int32), 10).log_ratios(1.0)
    assert found[0, 0] == pytest.approx(np.log(5) / 2)
    assert found.sum(1) == pytest.approx(0, abs=1e-6)
