"""What is served, and what is not; the page's own house rules."""

import base64
import hashlib
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest

from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import main
from mgdist_edge.site import Site, page_files, page_folder, server
from tests.web.port import need_browser

PAGE = page_folder()
MODULES = sorted(PAGE.glob("js/**/*.js"))
LONGEST = 400


@pytest.fixture(scope="module")
def port(small: Bundle) -> Iterator[int]:
    need_browser()
    with server(Site.of(PAGE, [small.path]), 0) as serving:
        thread = Thread(target=serving.serve_forever)
        thread.start()
        yield serving.server_port
        serving.shutdown()
        thread.join()


def got(port: int, path: str) -> tuple[int, Message, bytes]:
    """Return status, headers and body, of a path that is sent as it stands."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def test_the_page_is_served_with_a_strict_policy(port: int) -> None:
    status, headers, _ = got(port, "/")
    policy = headers["Content-Security-Policy"]
    assert status == 200
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/js/page/app.js", "text/javascript; charset=utf-8"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/node_modules/@litertjs/core/wasm/litert_wasm_internal.wasm", "application/wasm"),
        ("/bundles/0/small.tflite", "application/octet-stream"),
        ("/bundles.json", "application/json"),
    ],
)
def test_files_have_the_types_that_browsers_ask_for(port: int, path: str, kind: str) -> None:
    status, headers, body = got(port, path)
    assert (status, headers["Content-Type"]) == (200, kind)
    assert len(body) == int(headers["Content-Length"])


@pytest.mark.parametrize(
    "path",
    [
        "/package.json",
        "/node_modules/playwright-core/package.json",
        "/../pyproject.toml",
        "/%2e%2e/pyproject.toml",
        "/js/../../pyproject.toml",
        "/js/",
        "//etc/passwd",
        "/bundles/1/small.tflite",
    ],
)
def test_nothing_else_is_handed_out(port: int, path: str) -> None:
    assert got(port, path)[0] == 404


def test_the_list_names_the_bundles(port: int, small: Bundle) -> None:
    listed = json.loads(got(port, "/bundles.json")[2])
    assert listed == [{"name": "small.tflite", "url": "bundles/0/small.tflite", "bytes": small.size}]


def line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    return main(["web", *arguments]), capsys.readouterr().err


def test_what_is_wrong_is_told_in_one_line(small: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need_browser()
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(small.path.read_bytes()[:-1000])
    code, said = line([str(damaged)], capsys)
    assert code == 2
    assert said.startswith(f"mgdist-edge: {damaged}: expected a bundle of mgdist; got")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        code, said = line(["--port", str(number)], capsys)
    assert code == 1
    assert (
        said == f"mgdist-edge: --port: expected one that is free; got {number}: Address already in use; name another\n"
    )


def test_a_port_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["web", "--port", "70000"])
    assert caught.value.code == 2
    assert "argument --port: expected a whole number from 0 to 65535; got '70000'" in capsys.readouterr().err


def test_a_page_that_is_not_whole_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = line(["--page", str(tmp_path)], capsys)
    expected = f"{tmp_path}: expected the page there; got no index.html; name its folder with --page"
    assert (code, said) == (1, f"mgdist-edge: {expected}\n")
    (tmp_path / "index.html").write_text("<html>")
    code, said = line(["--page", str(tmp_path)], capsys)
    fetch = f"npm ci --omit dev --prefix {tmp_path}"
    expected = f"{tmp_path}/node_modules: expected LiteRT.js; got none; fetch it once with: {fetch}"
    assert (code, said) == (1, f"mgdist-edge: {expected}\n")


def test_the_policy_allows_this_import_map_and_no_other_script() -> None:
    text = (PAGE / "index.html").read_text()
    (inline,) = re.findall(r'<script type="importmap">(.*?)</script>', text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in text
    assert not re.search(r"\son\w+=|\sstyle=|<style", text)


def test_what_the_page_refers_to_is_there() -> None:
    need_browser()
    files = set(page_files(PAGE))
    for path in [*MODULES, PAGE / "index.html"]:
        for name in re.findall(r'(?:from|import|src=|href=)\s*"([^"#@]+)"', path.read_text()):
            assert (path.parent / name).resolve().relative_to(PAGE.resolve()).as_posix() in files, (path, name)
    icons = json.loads((PAGE / "manifest.webmanifest").read_text())["icons"]
    assert {icon["src"] for icon in icons} <= files


def test_the_lock_file_names_no_host() -> None:
    text = (PAGE / "package-lock.json").read_text()
    assert "resolved" not in text
    assert "://" not in text
    assert text.count('"integrity"') == 5


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PAGE)))
def test_a_module_of_the_page_is_short_and_says_what_it_is(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= LONGEST
    assert lines[0].startswith("// ")
    assert max(map(len, lines)) <= 130


def test_all_modules_of_the_page_are_looked_at() -> None:
    assert len(MODULES) >= 50
