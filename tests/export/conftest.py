from pathlib import Path

import pytest

from tests.export import line


@pytest.fixture(scope="session")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> line.Compressed:
    folder: Path = tmp_path_factory.mktemp("line")
    return line.compressed(folder)
