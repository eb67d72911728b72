from collections.abc import Callable
from pathlib import Path

import pytest

from mgdist.errors import JobError
from mgdist.job.encoders import ConvSpec
from mgdist.job.load import LARGEST, load
from mgdist.job.point import as_document

JobFile = Callable[..., Path]

WRONG = [
    ("model:\n  width: 32", "model:\n  widht: 32", "12: model.widht: the job has no such field; did you mean width?"),
    ("lr: 1e-3", "lr: fast", "14: train.lr: expected a number; got 'fast'"),
    ("lr: 1e-3", "lr: -1", "14: train.lr: expected greater than 0; got -1"),
    ("lr: 1e-3", "lr: .nan", "14: train.lr: expected a finite number; got nan"),
    ("batch_size: 64", "batch_size: 64.5", "15: train.batch_size: expected a whole number; got 64.5"),
    ("batch_size: 64", "batch_size: true", "15: train.batch_size: expected a whole number; got True"),
    ("kernel: 3}", "kernel: 4}", "7: granularities.word.encoder.kernel: expected an odd number; got 4; use 5"),
    (
        "length: 32, encoder: {kind: conv, kernel: 3}",
        "length: 4, encoder: {kind: conv, kernel: 5}",
        "7: granularities.word.encoder.kernel: 5 is wider than a unit of 4 samples; "
        "make kernel <= 4, or length larger",
    ),
    (
        "{kind: gru}",
        "{kind: gnu}",
        "10: granularities.sentence.encoder: expected kind: none, bag, mlp, conv, rnn, gru, lstm, transformer, "
        "pretrained; got 'gnu'; did you mean gru?",
    ),
    ("{kind: gru}", "{}", "10: granularities.sentence.encoder: expected a mapping with a kind; it has none"),
    ("{kind: gru}", "gru", "10: granularities.sentence.encoder: expected a mapping; got 'gru'"),
    ("  sentence:", "  sentense:", "8: granularities.sentense: expected one of word, sentence, paragraph; "
     "did you mean sentence?"),
    ("  word:", "  paragraph:", "granularities: expected the finest first; got paragraph, sentence"),
    ("pool: [mean, max]", "pool: [mean, maximum]",
     "7: granularities.word.pool.1: expected mean, max, attention, last or all; got 'maximum'; did you mean max?"),
    ("width: 32", "width: 33", "12: model.width: expected an even number for granularities.sentence, which reads both "
     "ways; got 33"),
    ("model:\n  width: 32", "model: 32", "11: model: expected a mapping; got 32"),
    ("name: small", "name: a/b", "1: name: expected letters, digits, - and _ only; got 'a/b'"),
    ("task: {kind: classify, label: label}\n", "", "1: task: expected a value; it is missing"),
    ("batch_size: 64", "batch_size: 64\n  workers: 3", "15: train.batch_size: expected a multiple of workers x "
     "accumulate = 3; got 64"),
    ("batch_size: 64", "engine: {kind: deepspeed, stage: 0, offload: true}", "15: train.engine.offload: ZeRO stage 0 "
     "shards no optimizer to offload; use stage 1, 2 or 3"),
    ("batch_size: 64", "engine: {kind: deepspeed, stage: 2, offload: parameters}", "15: train.engine.offload: only "
     "ZeRO stage 3 offloads parameters; got stage 2"),
    ("batch_size: 64", "batch_size: 64\n  workers: {min: 1, max: 3}", "15: train.batch_size: expected a multiple of 6, "
     "which any 1 to 3 workers share; got 64"),
    ("batch_size: 64", "engine: {kind: deepspeed}\n  precision: float16", "16: train.precision: float16 needs "
     "engine torch, which scales the loss; use bfloat16"),
    ("train.lr: {", "train.rate: {", "18: search.space.train.rate: the job has no such field"),
    ("train.lr: {", "data.limit: {", "18: search.space.data.limit: expected a field of granularities, model or train; "
     "a search changes nothing else"),
    ("granularities.word.encoder.kernel: {choice: [1, 3, 5]}", "granularities.word.length: {choice: [32, 64]}",
     "19: search.space.granularities.word.length: a search cannot change how the data is read and cut; set it in the "
     "job itself"),
    ("[1, 3, 5]", "[1, 2, 5]", "19: search.space.granularities.word.encoder.kernel: expected an odd number; got 2; "
     "use 3"),
    ("{loguniform: [0.001, 0.01]}", "{loguniform: [0.01, 0.001]}", "18: search.space.train.lr: expected [low, high] "
     "with low < high; got [0.01, 0.001]"),
    ("{loguniform: [0.001, 0.01]}", "{loguniform: [0, 0.01]}", "18: search.space.train.lr: expected bounds above 0"),
    ("{loguniform: [0.001, 0.01]}", "{}", "18: search.space.train.lr: expected one of choice, uniform, loguniform, "
     "integer; got none"),
    ("name: small", "name: small\nname: large", "2: not YAML: found duplicate key"),
    ("name: small", "name: [small", "2: not YAML: "),
    ("name: small", "name: small\ndevice: {max_size: 2 XB}", "2: device.max_size: expected a number and a unit of B, "
     "kB, MB, GB, KiB, MiB, GiB, such as '2 MB'; got '2 XB'"),
    ("name: small", "name: small\ndevice: {max_size: -1}", "2: device.max_size: expected greater than 0; got -1"),
    ("name: small", "name: small\ndevice: {unit_counts: [4, 1]}", "2: device.unit_counts: expected rising numbers that "
     "start with 1; got [4, 1]"),
    ("name: small", "name: small\ncompress: {methods: [int7]}", "2: compress.methods.0: expected float32, float16, "
     "int8_weight, int8_embedding, int8_dynamic, int8_static, int16_static, int4, int2 or mixed; got 'int7'; did you "
     "mean int4?"),
]  # fmt: skip


def test_the_table_of_wrong_jobs_has_at_least_thirty_rows() -> None:
    assert len(WRONG) >= 30


@pytest.mark.parametrize(("old", "new", "expected"), WRONG, ids=[expected[:50] for *_, expected in WRONG])
def test_a_wrong_job_is_told_with_its_line(job_file: JobFile, old: str, new: str, expected: str) -> None:
    path = job_file((old, new))
    with pytest.raises(JobError) as error:
        load(path)
    assert expected in str(error.value).removeprefix(f"{path}:")


def test_all_mistakes_are_told_at_once(job_file: JobFile) -> None:
    path = job_file(("width: 32", "widht: 32"), ("lr: 1e-3", "lr: fast"), ("name: small", "name: 7"))
    with pytest.raises(JobError) as error:
        load(path)
    assert len(str(error.value).splitlines()) == 3


def test_an_override_replaces_a_field(job_file: JobFile) -> None:
    job = load(job_file(), ["train.lr=0.5", "search=null", "granularities.word.encoder={kind: conv, kernel: 7}"])
    assert (job.train.lr, job.search) == (0.5, None)
    assert job.granularities["word"].encoder == ConvSpec(kind="conv", kernel=7)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.lr=fast", "--set train.lr=fast: train.lr: expected a number; got 'fast'"),
        ("train.lr", "--set train.lr: expected path=value, such as train.lr=0.01"),
        ("train.lr.x=1", "--set train.lr.x=1: train.lr.x: the job has no such field"),
        ("train.leer=1", "--set train.leer=1: train.leer: the job has no such field; did you mean lr?"),
        ("train.lr=[1", "--set train.lr=[1: the value is not YAML"),
    ],
)
def test_a_wrong_override_is_told_as_it_was_written(job_file: JobFile, override: str, expected: str) -> None:
    with pytest.raises(JobError) as error:
        load(job_file(), [override])
    assert str(error.value).startswith(expected)


def test_of_two_overrides_of_a_field_the_last_one_counts_and_is_told(job_file: JobFile) -> None:
    assert load(job_file(), ["train.lr=0.5", "train.lr=0.25"]).train.lr == 0.25
    with pytest.raises(JobError, match=r"^--set train\.lr=fast: train\.lr: expected a number; got 'fast'"):
        load(job_file(), ["train.lr=0.5", "train.lr=fast"])


def test_a_number_may_be_written_as_in_yaml_1_2(job_file: JobFile) -> None:
    assert load(job_file()).train.lr == pytest.approx(1e-3)


def test_a_resolved_job_loads_to_the_same_job(job_file: JobFile, tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    job = load(job_file())
    with (tmp_path / "resolved.yaml").open("w") as file:
        YAML().dump(as_document(job), file)
    assert load(tmp_path / "resolved.yaml") == job


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="cannot be read: No such file or directory; name a job file"):
        load(tmp_path / "none.yaml")


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(JobError, match="expected UTF-8 text; byte 6 is not; save the file as UTF-8"):
        load(tmp_path / "job.yaml")


def test_a_file_that_is_far_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("#" * (LARGEST + 1))
    with pytest.raises(JobError, match="expected a job file of at most 1,000,000 bytes; it is longer"):
        load(tmp_path / "job.yaml")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
"""A trillion values in twelve lines."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BOMB, "expected at most 100,000 values, aliases written out; found more"),
        (f"a: {'[' * 40}{']' * 40}", "expected at most 32 levels, one inside of another"),
        (f"a: {'[' * 9000}{']' * 9000}", "expected at most 32 levels, one inside of another"),
    ],
    ids=["aliases of aliases", "deep", "deeper than the parser goes"],
)
def test_a_file_that_stands_for_far_too_much_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "job.yaml").write_text(text)
    with pytest.raises(JobError, match=f"job.yaml:1: {expected}"):
        load(tmp_path / "job.yaml")


def test_aliases_that_stand_for_little_are_taken(job_file: JobFile, tmp_path: Path) -> None:
    text = job_file().read_text() + "anchored: &seed 7\nseed: *seed\n"
    (tmp_path / "job.yaml").write_text(text)
    with pytest.raises(JobError, match=r"^\S*job.yaml:\d+: anchored: [^\n]*$"):  # and nothing of the seed
        load(tmp_path / "job.yaml")


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("")
    with pytest.raises(JobError, match="1: expected a mapping of sections such as name, task, data; got NoneType"):
        load(tmp_path / "job.yaml")
