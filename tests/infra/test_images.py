"""The images' files. No Docker is asked for: what they run and copy is compared with the checkout."""

import fnmatch
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "infra" / "images"
FILES = ("trainer.Dockerfile", "device.Dockerfile")


@dataclass(frozen=True)
class Stage:
    """One stage of an image.

    Attributes:
        base: what it begins with.
        name: of it; empty for the last one.
        steps: instruction and arguments.
    """

    base: str
    name: str
    steps: tuple[tuple[str, str], ...]

    def of(self, instruction: str) -> list[str]:
        return [arguments for each, arguments in self.steps if each == instruction]


def stages(name: str) -> list[Stage]:
    lines = [line for line in (IMAGES / name).read_text().splitlines() if not line.strip().startswith("#")]
    steps = [step.split(None, 1) for step in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines() if step.strip()]
    found: list[Stage] = []
    for instruction, arguments in steps:
        if instruction == "FROM":
            base, _, stage = arguments.partition(" AS ")
            found.append(Stage(base, stage, ()))
        else:
            last = found.pop()
            found.append(Stage(last.base, last.name, (*last.steps, (instruction, arguments))))
    return found


def shipped(name: str) -> list[Stage]:
    """Return the stages that an image consists of, without those that it was only built in."""
    return [stage for stage in stages(name) if stage.name != "build"]


def test_these_are_all_images() -> None:
    assert {path.name for path in IMAGES.iterdir()} == {*FILES, *(f"{name}.dockerignore" for name in FILES)}
    assert [stage.name for stage in stages("trainer.Dockerfile")] == ["build", "cpu", "cuda"]
    assert [stage.name for stage in stages("device.Dockerfile")] == ["build", ""]


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="needs hadolint")
@pytest.mark.parametrize("name", FILES)
def test_hadolint_has_nothing_to_say(name: str) -> None:
    told = subprocess.run(["hadolint", "--no-color", IMAGES / name], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


@pytest.mark.parametrize("name", FILES)
def test_an_image_runs_as_somebody_and_has_no_compiler(name: str) -> None:
    first, *_ = shipped(name)
    assert first.of("USER") == ["1000:1000"]
    assert all(not stage.of("USER") for stage in shipped(name)[1:])
    assert [stage.base for stage in stages(name)][:2] == ["python:3.11-slim-bookworm"] * 2
    run = " ".join(step for stage in shipped(name) for step in stage.of("RUN"))
    assert not re.search(r"apt-get|pip install|build-essential|curl|wget", run)
    assert "pip uninstall --yes --quiet pip setuptools wheel" in run
    assert (first.of("HEALTHCHECK") == ["NONE"]) == (name == "trainer.Dockerfile")


@pytest.mark.parametrize("name", FILES)
def test_what_is_copied_is_there_and_sent_to_the_builder(name: str) -> None:
    rules = (IMAGES / f"{name}.dockerignore").read_text().splitlines()
    sent = [rule[1:] for rule in rules if rule.startswith("!")]
    assert rules[1] == "*", "all else stays here"
    copied = [
        each
        for stage in stages(name)
        for step in stage.of("COPY")
        if "--from" not in step
        for each in step.split()[:-1]
    ]
    assert sorted(copied) == sorted(sent)
    assert all((ROOT / each).exists() for each in copied)
    held = [rule for rule in rules if (rule and rule[0] not in "#!*") or rule.startswith("**/")]
    for path in ("edge/web/node_modules", "mgdist/__pycache__", "edge/mgdist_edge.egg-info", "edge/build"):
        assert any(fnmatch.fnmatch(path, rule) for rule in held), path


def test_the_trainer_is_installed_as_the_makefile_does() -> None:
    build = stages("trainer.Dockerfile")[0]
    first, second = [step for step in build.of("RUN") if "pip install" in step]
    (torch,) = re.findall(r"torch==[\d.]+$", first)
    assert f"pip install --quiet --disable-pip-version-check {torch}" in (ROOT / "Makefile").read_text()
    assert re.search(rf"^{re.escape(torch)}$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert second.endswith('--constraint constraints.txt ./edge ".[s3,gs,launch,mlflow]"')
    python = re.search(r'requires-python = ">=(3\.\d+)', (ROOT / "pyproject.toml").read_text())
    assert python is not None
    assert build.base.startswith(f"python:{python[1]}-")


def test_the_token_is_asked_for_unless_somebody_says_otherwise() -> None:
    assert "RAY_AUTH_MODE=token" in " ".join(stages("trainer.Dockerfile")[1].of("ENV"))
    text = "".join(path.read_text() for path in IMAGES.iterdir())
    assert not re.search(r"RAY_AUTH_TOKEN\b|RAY_AUTH_TOKEN=|password|secret", text, re.IGNORECASE)
