from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mgdist.export.bundle import bundle
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.golden import Golden
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.runtime import Runtime
from mgdist_edge.tasks import Classify
from mgdist_edge.views import Views
from mgdist_edge.windows import Window
from tests.edge import network
from tests.edge.conftest import LABELS, documents, fitted, golden, manifest


@pytest.fixture(scope="module")
def runtime(small: Bundle) -> Runtime:
    return Runtime(small)


def ragged(random: np.random.Generator) -> Views:
    """Return a document of random lengths at every level."""
    lengths, units = [], 1
    for level in reversed(network.LEVELS):
        lengths.insert(0, random.integers(1, level.length + 1, units).astype(np.int32))
        units = int(lengths[0].sum())
    samples = random.integers(2, network.ROWS, (units, network.ORDER)).astype(np.int32)
    return Views((samples, None, None), tuple(lengths))


def ids_of(views: Views) -> NDArray[np.int32]:
    (ids, *_) = views.samples
    assert ids is not None
    return ids


def answered(runtime: Runtime, views: Views) -> NDArray[np.float32]:
    """Return the outputs of the only head."""
    outputs = runtime.run({ONLY_INPUT: views})
    assert list(outputs) == [ONLY_HEAD]
    return outputs[ONLY_HEAD]


def test_it_answers_as_torch_does_on_ragged_documents(runtime: Runtime, trained: network.Network) -> None:
    random = np.random.default_rng(1)
    for _ in range(60):
        views = ragged(random)
        np.testing.assert_allclose(answered(runtime, views), trained.answer(views), atol=2e-6)


def test_it_answers_as_torch_does_on_real_documents(runtime: Runtime, trained: network.Network) -> None:
    texts = documents()[::2]
    assert len(texts) >= 60
    units = set()
    for text in texts:
        views = fitted().views(text)
        units.add(len(views.lengths[0]))
        np.testing.assert_allclose(answered(runtime, views), trained.answer(views), atol=2e-6)
    assert {1, 2, 3, 5} < units
    assert max(units) > 16  # more than one call


@pytest.mark.parametrize("counts", [(1,), (4,), (16,), (4, 16), (1, 16)])
def test_any_cover_of_the_units_gives_the_same_answer(
    flatbuffer: bytes, runtime: Runtime, tmp_path: Path, counts: tuple[int, ...]
) -> None:
    word, *coarser = network.LEVELS
    levels = (replace(word, counts=counts), *coarser)
    other = Runtime(bundle(flatbuffer, manifest(levels=levels), golden(), tmp_path / "other.tflite"))
    random = np.random.default_rng(2)
    for _ in range(20):
        views = ragged(random)
        np.testing.assert_allclose(answered(other, views), answered(runtime, views), atol=1e-6)


def test_an_answer_does_not_depend_on_the_document_before(runtime: Runtime) -> None:
    short, long = (fitted().views(text) for text in (documents()[0], documents()[-1]))
    first = answered(runtime, short)
    answered(runtime, long)
    np.testing.assert_array_equal(answered(runtime, short), first)


def test_threads_may_share_a_runtime(runtime: Runtime) -> None:
    views = [fitted().views(text) for text in documents()[::4]]
    alone = [answered(runtime, each) for each in views]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(partial(answered, runtime), views * 4))
    np.testing.assert_array_equal(together, alone * 4)


def test_ids_out_of_range_are_refused_before_the_interpreter_sees_them(runtime: Runtime) -> None:
    for wrong in (-1, network.ROWS):
        views = ragged(np.random.default_rng(3))
        ids_of(views)[-1, 1] = wrong
        with pytest.raises(
            InputError, match=f"^expected ids from 0 to 24599; got {wrong}; use the input of this bundle$"
        ):
            answered(runtime, views)


def test_other_samples_than_ids_are_refused(runtime: Runtime) -> None:
    views = ragged(np.random.default_rng(4))
    with pytest.raises(InputError, match=r"^expected int32 ids; got int64$"):
        answered(runtime, Views((ids_of(views).astype(np.int64), None, None), views.lengths))
    with pytest.raises(InputError, match=r"^expected ids of shape \(T, 2\); got \(\d+, 1\)$"):
        answered(runtime, Views((ids_of(views)[:, :1], None, None), views.lengths))


@pytest.mark.parametrize(
    ("lengths", "line"),
    [
        (([3], [1]), "expected lengths of 3 levels; got 2"),
        (([2], [1], [1]), "expected word units of 1 to 12 samples, 3 in all; got 1 units of 2 samples"),
        (([3, 0], [2], [1]), "expected word units of 1 to 12 samples, 3 in all; got 2 units of 3 samples"),
        (([1, 1, 1], [3], [2]), "expected paragraph units of 1 to 5 samples, 1 in all; got 1 units of 2 samples"),
    ],
)
def test_lengths_that_do_not_nest_are_refused(runtime: Runtime, lengths: tuple[list[int], ...], line: str) -> None:
    samples = (np.ones((3, 2), np.int32), *[None] * (len(lengths) - 1))
    views = Views(samples, tuple(np.array(each, np.int32) for each in lengths))
    with pytest.raises(InputError, match=f"^{line}$"):
        answered(runtime, views)


def test_raw_samples_where_a_level_builds_on_the_one_before_are_refused(runtime: Runtime) -> None:
    views = ragged(np.random.default_rng(6))
    with pytest.raises(InputError, match=r"^expected units at level sentence; got otherwise$"):
        answered(runtime, Views((ids_of(views), ids_of(views), None), views.lengths))
    with pytest.raises(InputError, match=r"^expected ids at level word; got otherwise$"):
        answered(runtime, Views((None, None, None), views.lengths))


def test_views_of_another_input_are_refused(runtime: Runtime) -> None:
    views = ragged(np.random.default_rng(7))
    with pytest.raises(InputError, match=r"^expected views of input; got those of title; use the inputs of this"):
        runtime.run({"title": views})


def test_a_coarsest_level_of_several_units_is_summed_up_as_torch_does(
    runtime: Runtime, trained: network.Network
) -> None:
    lengths = tuple(np.array(each, np.int32) for each in ([1, 5, 2, 4], [1, 2, 1], [1, 2]))
    views = Views((np.arange(2, 26, dtype=np.int32).reshape(12, 2), None, None), lengths)
    np.testing.assert_allclose(answered(runtime, views), trained.answer(views), atol=2e-6)


def test_a_head_that_gives_other_outputs_than_the_manifest_says_is_refused(flatbuffer: bytes, tmp_path: Path) -> None:
    tasks = {"topic": Classify(LABELS)}
    examples = Golden(tuple(replace(each, outputs={"topic": each.outputs[ONLY_HEAD]}) for each in golden().examples))
    other = bundle(flatbuffer, manifest(tasks=tasks), examples, tmp_path / "other.tflite")
    line = r"its head gives \{'answer': \(1, 4\)\}, and its manifest promises \{'topic': \(1, 4\)\}; upgrade"
    with pytest.raises(BundleError, match=line):
        Runtime(other)


def test_a_manifest_that_promises_other_signatures_is_refused(flatbuffer: bytes, tmp_path: Path) -> None:
    word, *coarser = network.LEVELS
    levels = (replace(word, counts=(1, 8)), *coarser)
    other = bundle(flatbuffer, manifest(levels=levels), golden(), tmp_path / "other.tflite")
    with pytest.raises(
        BundleError, match=r"other\.tflite: .* it has no signature word_8, which its manifest promises; "
    ):
        Runtime(other)
    taller = replace(fitted(), levels={**fitted().levels, "word": Window(13, 1)})
    levels = (replace(word, length=13), *coarser)
    other = bundle(
        flatbuffer, manifest(levels=levels, inputs={ONLY_INPUT: taller}), golden(), tmp_path / "other.tflite"
    )
    with pytest.raises(BundleError, match=r"signature word_1 reads .*\(1, 12, 2\).* promises .*\(1, 13, 2\)"):
        Runtime(other)


def test_an_embedding_with_fewer_rows_than_the_manifest_says_is_one_line(flatbuffer: bytes, tmp_path: Path) -> None:
    wider = replace(fitted(), buckets=100_000)
    other = Runtime(bundle(flatbuffer, manifest(inputs={ONLY_INPUT: wider}), golden(), tmp_path / "other.tflite"))
    views = ragged(np.random.default_rng(5))
    ids_of(views)[0, 0] = 90_000
    with pytest.raises(BundleError, match=r"^.*other\.tflite: expected a model that LiteRT can run; got: .*\Z"):
        answered(other, views)


def test_a_file_without_a_graph_inside_is_one_line(tmp_path: Path) -> None:
    other = bundle(b"\x1c\0\0\0TFL3" + bytes(200), manifest(), golden(), tmp_path / "other.tflite")
    with pytest.raises(BundleError, match=r"^.*other\.tflite: expected a model that LiteRT can run; got: [^\n]*$"):
        Runtime(other)


def test_a_file_that_was_replaced_after_the_check_is_refused(small: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(small.path.read_bytes())
    checked = Bundle.open(path)
    (tmp_path / "new").write_bytes(small.path.read_bytes())
    (tmp_path / "new").replace(path)
    with pytest.raises(BundleError, match="expected the file that was checked; got another one; load it again"):
        Runtime(checked)
