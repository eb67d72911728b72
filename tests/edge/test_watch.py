"""A folder and a real web server on loopback, watched for newer bundles."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from mgdist_edge.cli import main
from mgdist_edge.errors import BundleError, EdgeError, SourceError, StoreError
from mgdist_edge.service import Asked, Service
from mgdist_edge.store import Store
from mgdist_edge.watch import Limits, Watch
from tests.edge.keys import Pair
from tests.edge.test_server import ask, serving
from tests.edge.versions import TEXT, answering, version

Send = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """A web server of one file; ``send`` says how it answers, ``asked`` what it was asked."""

    def __init__(self) -> None:
        self.content, self.modified, self.asked = b"", "Sun, 22 Nov 2026 10:30:05 GMT", list[dict[str, str]]()
        self.send: Send = self.give
        self.ended = Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/doc_cls.tflite"

    def give(self, to: BaseHTTPRequestHandler) -> None:
        """Answer as a web server does, and with nothing where nothing changed."""
        etag = f'"{sha256(self.content).hexdigest()[:16]}"'
        if to.headers.get("If-None-Match") == etag:
            to.send_response(304)
            to.end_headers()
            return
        self.head(to, len(self.content), ETag=etag)
        to.wfile.write(self.content)

    def head(self, to: BaseHTTPRequestHandler, length: int, **headers: str) -> None:
        to.send_response(200)
        for name, value in {"Content-Length": str(length), "Last-Modified": self.modified, **headers}.items():
            to.send_header(name, value)
        to.end_headers()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.asked.append(dict(self.headers.items()))
        server.send(self)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        found.ended.set()
        found.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, Pair]:
    folder = tmp_path_factory.mktemp("keys")
    return Pair(folder), Pair(folder, "stranger")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, keys: tuple[Pair, Pair]) -> dict[int, Path]:
    """Return three versions of a bundle by number, signed."""
    folder = tmp_path_factory.mktemp("versions")
    return {n: keys[0].signed(version(n, folder).path, folder / f"signed{n}.tflite") for n in (1, 2, 3)}


@pytest.fixture
def store(tmp_path: Path, made: dict[int, Path]) -> Store:
    """Return a store in which the first version answers."""
    found = Store(tmp_path / "store")
    found.install(made[1])
    return found


@pytest.fixture
def watch(server: Server, store: Store, keys: tuple[Pair, Pair]) -> Watch:
    return Watch(server.url, store, keys[0].public, Limits(size=10**7, seconds=20.0))


def left(store: Store) -> set[str]:
    """Return what lies in a store beside its versions."""
    return {path.name for path in store.folder.iterdir()} - {each.path.name for each in store.versions()}


def test_a_newer_bundle_answers_and_the_same_one_is_not_sent_again(
    server: Server, watch: Watch, made: dict[int, Path]
) -> None:
    server.content = made[2].read_bytes()
    found = watch.look()
    assert found is not None
    assert (found.number, answering(watch.store.path)) == (2, 2)
    assert [watch.look(), watch.look()] == [None, None]
    etag = f'"{sha256(server.content).hexdigest()[:16]}"'
    told = [(each.get("If-None-Match"), each.get("If-Modified-Since")) for each in server.asked]
    assert told == [(None, None), (etag, server.modified), (etag, server.modified)]
    assert left(watch.store) == {"current", ".lock", ".watched"}


def test_a_server_that_forgets_what_it_said_is_no_news(server: Server, watch: Watch, made: dict[int, Path]) -> None:
    server.content = made[1].read_bytes()
    server.send = lambda to: (server.head(to, len(server.content)), to.wfile.write(server.content), None)[-1]
    assert [watch.look(), watch.look()] == [None, None]
    assert [each.number for each in watch.store.versions()] == [1]


def test_neither_an_older_bundle_nor_what_was_rolled_back_comes_again(
    server: Server, watch: Watch, made: dict[int, Path]
) -> None:
    server.content = made[3].read_bytes()
    assert watch.look() is not None
    watch.store.rollback()
    assert (watch.look(), answering(watch.store.path)) == (None, 1)
    for older in (made[2], made[3], made[1]):
        server.content = older.read_bytes()
        server.modified += " "  # as if it were new
        assert (watch.look(), answering(watch.store.path)) == (None, 1)


def test_what_was_installed_by_hand_and_rolled_back_stays_so(
    server: Server, watch: Watch, made: dict[int, Path]
) -> None:
    watch.store.install(made[2])
    server.content = made[2].read_bytes()
    assert watch.look() is None
    watch.store.rollback()
    server.send = lambda to: (server.head(to, len(server.content)), to.wfile.write(server.content), None)[-1]
    assert (watch.look(), answering(watch.store.path)) == (None, 1)


def test_a_memory_that_is_damaged_is_begun_anew(server: Server, watch: Watch, made: dict[int, Path]) -> None:
    server.content = made[2].read_bytes()
    for broken in (b"", b"{", b'{"source": 1}', b"[]", b"\xff"):
        (watch.store.folder / ".watched").write_bytes(broken)
        watch.look()
        assert json.loads((watch.store.folder / ".watched").read_bytes())["source"] == server.url
    assert answering(watch.store.path) == 2


def damaged(content: bytes) -> bytes:
    return content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]


def test_a_damaged_bundle_is_refused_until_it_came_twice(server: Server, watch: Watch, made: dict[int, Path]) -> None:
    whole = made[2].read_bytes()
    server.content = damaged(whole)
    for _ in range(2):
        with pytest.raises(BundleError) as caught:
            watch.look()
        assert str(caught.value).startswith(f"{server.url}: expected the bytes that were written; got a damaged file")
    assert watch.look() is None  # it was not sent a third time
    assert server.asked[-1]["If-None-Match"].startswith('"')
    assert (answering(watch.store.path), left(watch.store)) == (1, {"current", ".lock", ".watched"})
    server.content = whole
    watch.look()
    assert answering(watch.store.path) == 2


def test_what_is_unsigned_or_signed_by_another_is_refused(
    server: Server, watch: Watch, made: dict[int, Path], keys: tuple[Pair, Pair], tmp_path: Path
) -> None:
    unsigned = version(2, tmp_path).path
    foreign = keys[1].signed(unsigned, tmp_path / "foreign.tflite")
    for bundle, got in ((unsigned, "got one without a signature"), (foreign, f"got one that claims key {keys[1].id}")):
        server.content = bundle.read_bytes()
        with pytest.raises(BundleError) as caught:
            watch.look()
        line = f"{server.url}: expected a bundle signed with {keys[0].public}; {got}"
        assert str(caught.value).startswith(line)
        assert answering(watch.store.path) == 1
    trusting = Watch(server.url, watch.store, None)
    server.content = unsigned.read_bytes()
    assert trusting.look() is not None
    assert answering(watch.store.path) == 2


def test_a_server_that_is_away_or_refuses_is_one_line(server: Server, watch: Watch) -> None:
    server.send = lambda to: to.send_error(503)
    with pytest.raises(SourceError) as caught:
        watch.look()
    assert str(caught.value) == f"{server.url}: expected a bundle; got status 503 Service Unavailable"
    for url, got in (
        ("http://127.0.0.1:1/a.tflite", "expected a server; got: Connection refused"),
        ("http://no-such-host.invalid/a.tflite", "expected a server; got: "),
        ("http://", "expected a server; got: no host given"),
        ("http://127.0.0.1:x/", "expected a bundle; got a connection that broke: InvalidURL"),
    ):
        with pytest.raises(SourceError) as caught:
            Watch(url, watch.store, None).look()
        assert str(caught.value).startswith(f"{url}: {got}")
    assert answering(watch.store.path) == 1


def trickle(server: Server, to: BaseHTTPRequestHandler) -> None:
    server.head(to, 10**6)
    while not server.ended.wait(0.02):
        to.wfile.write(b"a")


def half(server: Server, to: BaseHTTPRequestHandler) -> None:
    server.head(to, len(server.content))
    to.wfile.write(server.content[: len(server.content) // 2])
    to.wfile.flush()


STALLS: dict[str, tuple[Callable[[Server, BaseHTTPRequestHandler], object], str]] = {
    "before its head": (lambda server, to: server.ended.wait(), "expected the whole file in time; got a server that"),
    "in the middle": (
        lambda server, to: (half(server, to), server.ended.wait()),
        "expected the whole file in time; got a server that stalls",
    ),
    "byte by byte": (trickle, "expected the whole file in time; got a server that stalls"),
    "half of it": (half, "bytes; got"),
    "too large by its head": (
        lambda server, to: server.head(to, 10**8),
        "expected at most 10000000 bytes; got 1000000",
    ),
    "something else": (lambda server, to: to.wfile.write(b"SSH-2.0\r\n"), "got a connection that broke: BadStatusLine"),
}


@pytest.mark.parametrize("how", STALLS)
def test_a_server_that_stalls_or_sends_nonsense_leaves_nothing_half(
    server: Server, watch: Watch, made: dict[int, Path], how: str
) -> None:
    send, line = STALLS[how]
    server.content = made[2].read_bytes()
    server.send = lambda to: (send(server, to), None)[-1]
    begun = monotonic()
    with pytest.raises(SourceError) as caught:
        replace(watch, limits=Limits(size=10**7, seconds=0.5)).look()
    assert monotonic() - begun < 5
    assert line in str(caught.value)
    assert str(caught.value).startswith(server.url)
    assert (answering(watch.store.path), left(watch.store)) == (1, {"current", ".lock"})
    server.send = server.give
    assert watch.look() is not None


def test_more_than_may_come_is_refused_though_nothing_said_so(server: Server, watch: Watch) -> None:
    def flood(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        while not server.ended.is_set():
            try:
                to.wfile.write(bytes(2**16))
            except ConnectionError:
                return

    server.send = flood
    with pytest.raises(SourceError, match="expected at most 10000000 bytes; got more; allow more with --max-size"):
        watch.look()
    assert left(watch.store) == {"current", ".lock"}


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a"])
def test_a_server_leads_to_no_other_kind_of_place(server: Server, watch: Watch, target: str) -> None:
    def lead(to: BaseHTTPRequestHandler) -> None:
        to.send_response(302)
        to.send_header("Location", target)
        to.end_headers()

    server.send = lead
    with pytest.raises(
        SourceError, match=f"expected (to stay with http; got sent to {target}|a bundle; got status 302)"
    ):
        watch.look()


def test_the_newest_of_a_folder_is_taken_and_a_broken_one_is_told(
    store: Store, made: dict[int, Path], keys: tuple[Pair, Pair], tmp_path: Path
) -> None:
    folder = tmp_path / "incoming"
    watch = Watch(str(folder), store, keys[0].public)
    with pytest.raises(SourceError, match=r"incoming: expected a folder of bundles; got: No such file or directory$"):
        watch.look()
    folder.mkdir()
    assert watch.look() is None
    for number in (3, 2):
        (folder / f"{number}.tflite").write_bytes(made[number].read_bytes())
    (folder / "1 damaged.tflite").write_bytes(damaged(made[2].read_bytes()))
    (folder / "notes.txt").write_text("no bundle")
    assert watch.look() is not None
    assert answering(store.path) == 3
    with pytest.raises(BundleError, match=r"1 damaged\.tflite: expected the bytes that were written"):
        watch.look()
    (folder / "1 damaged.tflite").unlink()
    assert watch.look() is None


def test_the_time_of_a_bundle_must_be_one(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    version(2, tmp_path / "in", created="yesterday")
    with pytest.raises(BundleError, match=r"v2\.tflite: expected the time that it was made; got 'yesterday'"):
        Watch(str(tmp_path / "in"), store, None).look()


def test_one_watch_at_a_time(watch: Watch) -> None:
    with watch.alone(), pytest.raises(StoreError, match="another mgdist-edge watches for it; end that"), watch.alone():
        pass


def test_the_command_asks_for_a_key_and_looks_once(
    store: Store, made: dict[int, Path], keys: tuple[Pair, Pair], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["watch", str(made[2].parent), "--into", str(store.folder), "--once"]
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 2
    assert "one of the arguments --require-signature --allow-unsigned is required" in capsys.readouterr().err
    (tmp_path / "in").mkdir()
    asked[1] = str(tmp_path / "in")
    assert main([*asked, "--require-signature", str(keys[0].public)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'in'}: nothing newer\n"
    (tmp_path / "in" / "v2.tflite").write_bytes(made[2].read_bytes())
    assert main([*asked, "--require-signature", str(keys[0].public)]) == 0
    assert capsys.readouterr().out.startswith(f"{store.path} answers with version 2, ")
    asked[1] = "http://127.0.0.1:1/"
    assert main([*asked, "--allow-unsigned"]) == 6
    line = "mgdist-edge: http://127.0.0.1:1/: expected a server; got: Connection refused\n"
    assert capsys.readouterr() == ("", line)


def test_a_service_takes_up_what_a_watch_installs_without_losing_a_request(
    server: Server, store: Store, made: dict[int, Path], keys: tuple[Pair, Pair]
) -> None:
    server.content = made[1].read_bytes()
    command = [sys.executable, "-m", "mgdist_edge", "watch", server.url, "--into", str(store.folder)]
    command += ["--require-signature", str(keys[0].public), "--interval", "1"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "edge")}
    service, heard, ended = Service(Asked(store.folder)), [list[tuple[int, str]]() for _ in range(4)], Event()
    with (
        serving(service) as listener,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watching,
    ):
        service.watch(0.05)

        def ask_on(answers: list[tuple[int, str]]) -> None:
            connection = HTTPConnection("127.0.0.1", listener.server_port, timeout=5)
            while not ended.is_set():
                connection.request("POST", "/predict", json.dumps(TEXT), {"Content-Type": "application/json"})
                response = connection.getresponse()
                answers.append((response.status, json.loads(response.read())["label"].split()[-1]))
                sleep(0.002)
            connection.close()

        clients = [Thread(target=ask_on, args=(each,)) for each in heard]
        for client in clients:
            client.start()
        until = monotonic() + 30
        for number in (2, 3):
            server.content = made[number].read_bytes()
            while any(each[-1:] != [(200, str(number))] for each in heard):
                assert monotonic() < until
                sleep(0.02)
        ended.set()
        for client in clients:
            client.join()
        assert ask(listener, "/healthz")[0] == 200
        watching.terminate()
        told = watching.communicate()
    for each in heard:
        assert {status for status, _ in each} == {200}
        labels = [label for _, label in each]
        assert labels == sorted(labels), "no client hears an older version again"
        assert set(labels) == {"1", "2", "3"}
    assert told[0].count(" answers with version ") == 2
    assert told[1] == ""


def test_every_error_of_a_source_has_an_exit_code() -> None:
    assert issubclass(SourceError, EdgeError)
    assert SourceError.exit_code == 6
