"""The device's units and its installer: checked by systemd's own tools, and run for real into a folder."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mgdist_edge import load
from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import _parser
from tests.edge.keys import Pair
from tests.edge.versions import TEXT, answering, version

ROOT = Path(__file__).parents[2]
DEVICE = ROOT / "infra" / "device"
SERVICES = ("mgdist-edge.service", "mgdist-edge-watch.service")
UNITS = (*SERVICES, "mgdist-edge.path", "mgdist-edge-watch.timer")
INSTALLED = "/opt/mgdist-edge"
analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def settings(unit: str, name: str) -> list[str]:
    """Return the values of a setting; lines that go on are one."""
    text = (DEVICE / unit).read_text().replace("\\\n", " ")
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def test_these_are_all_units() -> None:
    assert {path.name for path in DEVICE.iterdir()} == {*UNITS, "install.sh"}


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_gives_the_program_what_it_understands(unit: str) -> None:
    (command,) = settings(unit, "ExecStart")
    program, *arguments = re.sub(r"\$\{MGDIST_EDGE_(PORT|WORKERS)\}", "1", command).split()
    assert [program, *arguments[:2]] == [f"{INSTALLED}/bin/python", "-m", "mgdist_edge"]
    asked = _parser().parse_args(arguments[2:])
    assert asked.require_signature == Path("/etc/mgdist-edge/mgdist.pub")
    assert getattr(asked, "source" if unit == SERVICES[0] else "into") in (Path("/var/lib/mgdist-edge"),)


@analyze
@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_may_do_little(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", DEVICE / unit]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout  # more than 1.5 of 10
    assert re.search(r"exposure level for .*: [01]\.\d OK", told.stdout)
    assert settings(unit, "ProcSubset") == [], "LiteRT reads /proc/cpuinfo"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_the_script_is_sound() -> None:
    here = Path(__file__).parent
    subprocess.run(["shellcheck", "--shell=sh", DEVICE / "install.sh"], check=True)
    subprocess.run(["shellcheck", "--shell=bash", here / "boot.sh", here / "inside.sh"], check=True)


def python() -> str:
    """Return the Python of the system, as a device has it, or else that of the tests."""
    found = subprocess.run(["/usr/bin/python3", "-c", "import ensurepip, venv"], capture_output=True, check=False)
    return sys.executable if found.returncode else "/usr/bin/python3"


def install(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the installer into a folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"DESTDIR": str(root), "PYTHON": python()}
    command = [DEVICE / "install.sh", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            (),
            "--wheel: expected the file of mgdist-edge's wheel; got none; make one: MGDIST_EDGE_PURE=1 pip wheel "
            "--no-deps ./edge",
        ),
        (("--wheel", "{pub}"), "--key: expected the public key that signs bundles; got none; make one: mgdist keys"),
        (("--wheel",), "--wheel: expected a value; got none"),
        (("--now", "x"), "expected --wheel, --key, --bundle or --source; got --now"),
        (("--wheel", "no.whl", "--key", "{pub}"), "no.whl: expected a file; got none; check the path"),
        (("--wheel", "{pub}", "--key", "{key}"), "{key}: expected a public key; got a private one; keep that off"),
    ],
)
def test_the_script_says_what_is_wrong_and_does_nothing(arguments: tuple[str, ...], line: str, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    names = {"pub": pair.public, "key": pair.private}
    told = install(tmp_path / "root", *[each.format(**names) for each in arguments])
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(f"install.sh: {line.format(**names)}")
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "root").exists()


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``root/``, where mgdist-edge is installed, a wheel, a key and two signed bundles."""
    folder = tmp_path_factory.mktemp("device")
    shutil.copytree(
        ROOT / "edge", folder / "edge", ignore=shutil.ignore_patterns("build", "*.egg-info", "node_modules")
    )
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "edge"]
    subprocess.run(wheel, check=True)
    pair = Pair(folder)
    for number in (1, 2):
        pair.signed(version(number, folder).path, folder / f"signed{number}.tflite")
    told = install(folder / "root", *given(folder), "--bundle", folder / "signed1.tflite", "--source", "/srv/bundles")
    assert told.returncode == 0, told.stderr
    return folder


def given(folder: Path) -> list[str | Path]:
    return ["--wheel", next(folder.glob("*.whl")), "--key", folder / "maker.pub"]


@pytest.mark.slow
def test_what_is_installed_answers_and_is_left_alone_the_next_time(device: Path) -> None:
    root = device / "root"
    store = root / "var/lib/mgdist-edge"
    assert answering(store / "current") == 1
    assert (root / "etc/mgdist-edge/environment").read_text() == "MGDIST_EDGE_SOURCE=/srv/bundles\n"
    assert {path.name for path in (root / "etc/systemd/system").iterdir()} == set(UNITS)
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*") if path.is_file() and path.name != ".lock"}
    told = install(root, *given(device), "--bundle", device / "signed1.tflite")
    assert told.returncode == 0, told.stderr
    assert told.stdout.endswith(f"mgdist-edge in {root}{INSTALLED} is as it should be\n")
    after = {path: path.lstat().st_mtime_ns for path in root.rglob("*") if path.is_file() and path.name != ".lock"}
    assert {path for path in before if before[path] != after.get(path)} == set()
    told = install(root, *given(device), "--source", "https://models.example/a&b.tflite")
    assert told.stdout.endswith(f"mgdist-edge is installed in {root}{INSTALLED}\n")
    assert (
        root / "etc/mgdist-edge/environment"
    ).read_text() == "MGDIST_EDGE_SOURCE=https://models.example/a&b.tflite\n"


@pytest.mark.slow
def test_a_bundle_of_another_key_is_not_installed(device: Path, tmp_path: Path) -> None:
    foreign = Pair(tmp_path, "stranger").signed(version(2, tmp_path).path, tmp_path / "foreign.tflite")
    told = install(device / "root", *given(device), "--bundle", foreign)
    assert told.returncode == 2
    assert "expected a bundle signed with" in told.stderr
    assert answering(device / "root/var/lib/mgdist-edge/current") == 1


@pytest.mark.slow
@analyze
def test_systemd_reads_the_units_without_a_word(device: Path, tmp_path: Path) -> None:
    for unit in UNITS:
        text = (DEVICE / unit).read_text().replace(INSTALLED, f"{device}/root{INSTALLED}")
        (tmp_path / unit).write_text(text)
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    command = ["systemd-analyze", "verify", "--man=no", *(tmp_path / unit for unit in UNITS)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def allowed(*groups: str) -> set[str]:
    """Return the system calls of some of systemd's groups."""
    found: set[str] = set()
    for group in groups:
        told = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
        names = [line.strip() for line in told.stdout.splitlines()[1:] if line.strip() and line.strip()[0] != "#"]
        found |= {name for name in names if name[0] != "@"} | allowed(*[name for name in names if name[0] == "@"])
    return found


@contextmanager
def traced(device: Path, log: Path, port: int) -> Iterator[None]:
    """Serve as the unit does, and write down each system call."""
    python = device / f"root{INSTALLED}/bin/python"
    serve = [python, "-m", "mgdist_edge", "serve", device / "root/var/lib/mgdist-edge", "--port", str(port)]
    serve += ["--require-signature", device / "maker.pub"]
    environment = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(log.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["strace", "-D", "-f", "-qq", "-o", log, *serve]  # -D: the service is our child, and hears the signal
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            assert "answers at" in serving.stdout.readline()
            yield
        finally:
            serving.terminate()
            serving.wait(20)


@pytest.mark.slow
@analyze
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_service_needs_no_more_than_its_sandbox_allows(device: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with traced(device, tmp_path / "calls", port):
        body, kind = f'"{TEXT}"'.encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, kind)
        assert b'"label"' in urllib.request.urlopen(request, timeout=30).read()
        time.sleep(0.2)
    log = (tmp_path / "calls").read_text()
    used = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", log, re.MULTILINE))
    assert len(used) > 30
    may, not_may, more = (each.split() for each in settings("mgdist-edge.service", "SystemCallFilter"))
    assert not_may[0].startswith("~")
    assert used <= (allowed(*may) - allowed(*[each.lstrip("~") for each in not_may])) | set(more)
    assert not re.findall(r"PROT_WRITE\|PROT_EXEC|mprotect\(.*PROT_EXEC", log), "MemoryDenyWriteExecute"


BOOTED = """\
== install
/var/lib/mgdist-edge/current answers with version 1, {first}
mgdist-edge is installed in /opt/mgdist-edge
active
active
active
"label": "{label} 1"
serve runs as mgdist-edge-serve
CapEff: 0000000000000000
CapBnd: 0000000000000000
NoNewPrivs: 1
Seccomp: 2
Read-only file system
store of mgdist-edge, 750
== watch
"label": "{label} 2"
mgdist-edge
== again
mgdist-edge in /opt/mgdist-edge is as it should be
NRestarts=0
ActiveState=active
== stopped, until a first version comes
inactive
/var/lib/mgdist-edge/current answers with version 1, {first}
"label": "{label} 1"
== end
"""
"""What ``inside.sh`` tells."""


def boots() -> bool:
    """Say whether a systemd can be booted here, beside that of the machine if there is one."""
    may = ["unshare", "--mount", "--pid", "--cgroup", "--net", "--fork", "true"]
    tools = all(shutil.which(tool) for tool in ("unshare", "setpriv", "curl", "ip"))
    there = Path("/lib/systemd/systemd").exists() and python() == "/usr/bin/python3" and os.geteuid() == 0
    return tools and there and subprocess.run(may, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not boots(), reason="needs root, namespaces, systemd and Debian's python3-venv")
def test_a_booted_systemd_serves_watches_and_keeps_to_its_sandbox(device: Path) -> None:
    shutil.copytree(DEVICE, device / "infra" / "device")
    shutil.copy(Path(__file__).with_name("inside.sh"), device)
    command = [Path(__file__).with_name("boot.sh"), device]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    label = load(device / "signed1.tflite").predict(TEXT).label.split()[0]
    first = Bundle.open(device / "signed1.tflite").sha256[:16]
    expected = BOOTED.format(first=first, label=label)
    assert (device / "told").read_text() == expected, told.stderr
