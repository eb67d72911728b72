import pickle
from pathlib import Path

from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare
from tests.data.rows import files, write_jsonl


def test_raw_texts_come_back_as_they_were_read(tmp_path: Path) -> None:
    texts = [
        "Zwölf \N{BLACK HEART SUIT} \N{GRINNING FACE}\r\n\ttab",
        'a "quote"\n\n\nand \\u0041',
        "\u2028separator\x85",
    ]
    rows = [{"text": f"{text} {number}", "label": str(number % 2)} for number in range(4) for text in texts]
    train = write_jsonl(tmp_path / "train.jsonl", rows)
    held = write_jsonl(tmp_path / "held.jsonl", rows[:2])
    prepare(files(train, valid=held, test=held), tmp_path / "data")
    dataset = Dataset.open(tmp_path / "data")
    assert dataset.train.raws["input"] == [row["text"] for row in rows]
    assert len(dataset.test) == 2


def test_another_process_gets_the_folder_and_not_the_numbers(tmp_path: Path) -> None:
    rows = [{"text": f"text {number}", "label": str(number % 2)} for number in range(200)]
    train = write_jsonl(tmp_path / "train.jsonl", rows)
    dataset = prepare(files(train, valid=train, test=train), tmp_path / "data")
    sent = pickle.dumps(dataset)
    assert len(sent) < 1000
    assert pickle.loads(sent).train.raws == dataset.train.raws
