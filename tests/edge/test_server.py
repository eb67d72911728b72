import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mgdist_edge import load
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import EdgeError
from mgdist_edge.listener import Limits, Listener
from mgdist_edge.server import listen
from mgdist_edge.service import Asked, Service
from mgdist_edge.store import Store
from mgdist_edge.usual import Usual
from tests.edge.conftest import LABELS, documents
from tests.edge.versions import TEXT, version
from tests.infra.asked import asked, exported

LIMITS = Limits(body=100_000, seconds=1.0, connections=8)
USUAL = {"answer": Usual((0.25,) * 4, (0.25,) * 4, (0.1,) * 10)}


@contextmanager
def serving(service: Service, limits: Limits = LIMITS) -> Iterator[Listener]:
    listener = listen(service, "127.0.0.1", 0, limits)
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield listener
    finally:
        service.end()
        listener.shutdown()
        listener.finish()
        thread.join()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return version(1, tmp_path_factory.mktemp("served"), usual=USUAL)


@pytest.fixture(scope="module")
def service(bundle: Bundle) -> Service:
    return Service(Asked(bundle.path, patience=0.2))


@pytest.fixture(scope="module")
def server(service: Service) -> Iterator[Listener]:
    with serving(service) as listener:
        yield listener


JSON = {"Content-Type": "application/json"}


def ask(
    server: Listener, path: str, body: object = None, method: str | None = None, headers: dict[str, str] = JSON
) -> tuple[int, str]:
    """Return the status and the body of a response."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection.request(method or ("GET" if sent is None else "POST"), path, sent, headers)
    response = connection.getresponse()
    found = response.status, response.read().decode()
    connection.close()
    return found


def raw(server: Listener, *sent: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are, with a pause before each but the first, and return all that comes until the end."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        for number, each in enumerate(sent):
            if number:
                sleep(pause)
            try:
                connection.sendall(each)
            except ConnectionError:
                break
        connection.settimeout(5)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_it_answers_as_the_predictor_does(server: Listener, bundle: Bundle) -> None:
    predictor = load(bundle.path)
    for text in documents()[:10]:
        status, body = ask(server, "/predict", {"text": text})
        answer = json.loads(body)
        assert status == 200
        assert answer.pop("milliseconds") > 0
        expected = predictor.predict(text).as_json()
        del expected["milliseconds"]
        assert answer == expected
    status, body = ask(server, "/predict?top=2", "a text alone")
    assert (status, len(json.loads(body)["probabilities"])) == (200, 2)


@pytest.mark.parametrize(
    ("body", "status", "line"),
    [
        (b'{"text": ', 400, "body: expected a line of JSON; got: Expecting value: line 1 column 10 (char 9)"),
        (b"", 400, "body: expected a line of JSON; got: Expecting value"),
        (b'{"text": "caf\xe9"}', 400, "body: expected UTF-8 text; got byte 0xe9"),
        (b'{"texts": "a"}', 400, 'body: expected {"text": "..."} or a JSON string; got {"texts": "a"}'),
        (b'{"text": ["a"]}', 400, 'body: expected {"text": "..."} or a JSON string; got {"text": ["a"]}'),
        (b'{"text": " "}', 400, "body: expected a text with at least one word; got an empty one"),
        (b"[" * 50_000, 400, "body: expected a line of JSON; got: "),
        (b" " * 100_001, 413, "expected a body of at most 100000 bytes; got 100001"),
    ],
)
def test_a_wrong_body_is_refused_with_one_line(server: Listener, body: bytes, status: int, line: str) -> None:
    found, told = ask(server, "/predict", body)
    assert found == status
    error = json.loads(told)["error"]
    assert error.startswith(line)
    assert error.isprintable()


@pytest.mark.parametrize(
    ("path", "method", "headers", "status", "line"),
    [
        ("/predict", "GET", JSON, 405, "/predict: expected POST; got GET"),
        ("/healthz", "POST", JSON, 405, "/healthz: expected GET or HEAD; got POST"),
        ("/predict?top=0", "POST", JSON, 400, "top: expected a whole number from 1 to 1024; got 0"),
        ("/predict?top=x", "POST", JSON, 400, "top: expected a whole number from 1 to 1024; got x"),
        ("/predict", "POST", {}, 415, "expected Content-Type: application/json; got none"),
        ("/predict", "POST", {"Content-Type": "text/plain"}, 415, "expected Content-Type: application/json; got text/"),
        ("/etc/passwd", "GET", JSON, 404, "expected a path such as /predict; got /etc/passwd"),
        ("/../../etc/passwd", "GET", JSON, 404, "expected a path such as /predict; got /../../etc/passwd"),
        ("/predict", "BREW", JSON, 501, "expected a request in HTTP/1.1; got: Unsupported method"),
    ],
)
def test_a_wrong_request_is_refused_with_one_line(
    server: Listener, path: str, method: str, headers: dict[str, str], status: int, line: str
) -> None:
    found, told = ask(server, path, b'"a"' if method == "POST" else None, method, headers)
    assert found == status
    assert json.loads(told)["error"].startswith(line)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 411),
        (b"POST /predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /predict HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/3.9\r\n\r\n", 505),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(server: Listener, sent: bytes, status: int) -> None:
    received = raw(server, sent)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close" in head
    assert list(json.loads(body)) == ["error"]


def test_a_body_of_50_megabytes_is_refused_and_the_client_hears_why(server: Listener) -> None:
    begin = monotonic()
    status, told = ask(server, "/predict", b"x" * 50_000_000)
    assert (status, json.loads(told)["error"]) == (413, "expected a body of at most 100000 bytes; got 50000000")
    assert monotonic() - begin < 3
    # A client that asks first is told before it sends anything.
    head = b"POST /predict HTTP/1.1\r\nContent-Length: 50000000\r\nExpect: 100-continue\r\n\r\n"
    assert raw(server, head).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /predict HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Type: ",
    ],
)
def test_a_slow_client_is_refused_and_holds_up_nobody(server: Listener, head: bytes) -> None:
    slow: list[bytes] = []
    thread = Thread(target=lambda: slow.append(raw(server, head, *[b'"'] * 40, pause=0.1)))
    begin = monotonic()
    thread.start()
    assert [ask(server, "/predict", "a text")[0] for _ in range(20)] == [200] * 20
    thread.join()
    assert slow[0].startswith(b"HTTP/1.1 408 ")
    assert b"expected the whole request within 1 seconds; got a part of it" in slow[0]
    assert 0.9 < monotonic() - begin < 4


def test_a_client_that_leaves_or_says_nothing_is_no_error(server: Listener, capfd: pytest.CaptureFixture[str]) -> None:
    head = b"POST /predict HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc"
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(head)
    assert raw(server) == b""
    assert ask(server, "/healthz")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_connection_serves_many_requests(server: Listener) -> None:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    begin = monotonic()
    for _ in range(50):
        connection.request("POST", "/predict", b'"a text"', JSON)
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (200, True)
    assert monotonic() - begin < 1.5, "40 ms each would be a packet that waits for its confirmation"
    connection.request("HEAD", "/healthz")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    connection.close()


def test_too_many_requests_are_told_to_come_again(server: Listener, service: Service) -> None:
    with service._pool.lend(), service._pool.lend():
        assert ask(server, "/healthz")[0] == 200
        status, told = ask(server, "/predict", "a text")
    assert (status, "ask again later" in told) == (503, True)
    assert ask(server, "/predict", "a text")[0] == 200


def test_it_describes_itself(server: Listener, bundle: Bundle) -> None:
    told = json.loads(ask(server, "/openapi.json")[1])
    assert told["openapi"] == "3.1.0"
    assert set(told["paths"]) == {"/predict", "/healthz", "/metrics", "/openapi.json"}
    example = told["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    status, body = ask(server, "/predict", example)
    schema, answer = told["components"]["schemas"]["Answer"], json.loads(body)
    assert (status, set(schema["properties"])) == (200, set(answer))
    assert answer["label"] in schema["properties"]["label"]["enum"]
    page = ask(server, "/")[1]
    assert "POST /predict" in page
    assert bundle.sha256 in page
    for name in ("page.css", "page.js"):
        assert name in page
        assert ask(server, f"/{name}")[0] == 200


def test_health_names_the_bundle(server: Listener, bundle: Bundle) -> None:
    status, body = ask(server, "/healthz")
    told = json.loads(body)
    assert (status, told["status"], told["sha256"], told["refused"]) == (200, "ok", bundle.sha256, None)


def samples(server: Listener, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    families = text_string_to_metric_families(ask(server, "/metrics")[1])
    found = [sample for family in families for sample in family.samples if sample.name == f"mgdist_edge_{name}"]
    return {tuple(sorted(sample.labels.items())): sample.value for sample in found}


def test_metrics_count_what_was_asked_and_answered(bundle: Bundle) -> None:
    with serving(Service(Asked(bundle.path))) as server:
        assert samples(server, "drift") == {}
        texts = documents()[:120]
        labels = [json.loads(ask(server, "/predict", text)[1])["label"] for text in texts]
        ask(server, "/predict", b"{")
        ask(server, "/nothing")
        counts = samples(server, "answers_total")
        assert counts == {(("head", "answer"), ("label", each)): labels.count(each) for each in set(labels)}
        responses = samples(server, "responses_total")
        assert responses[("path", "/predict"), ("status", "200")] == 120
        assert responses[("path", "/predict"), ("status", "400")] == 1
        assert responses[("path", "other"), ("status", "404")] == 1
        for name in ("latency_seconds", "confidence"):
            buckets = list(samples(server, f"{name}_bucket").values())
            assert buckets == sorted(buckets)
            assert (buckets[-1], sum(samples(server, f"{name}_count").values())) == (120, 120)
        assert samples(server, "request_seconds_count") == {(): 121}
        assert set(samples(server, "drift")) == {
            (("against", each), ("head", "answer")) for each in ("trained", "answered", "confidence")
        }
        ((about, one),) = samples(server, "bundle_info").items()
        assert (dict(about)["sha256"], one) == (bundle.sha256, 1)


def test_what_the_dashboards_ask_of_devices_is_there(bundle: Bundle) -> None:
    service = Service(Asked(bundle.path))
    with serving(service) as server:
        for text in documents()[:100]:
            ask(server, "/predict", text)
        ask(server, "/nothing")
        service.metrics.changed("refused")
        told = ask(server, "/metrics")[1]
    wanted = {name for name in asked() if name.startswith("mgdist_edge_")}
    assert len(wanted) >= 8
    assert wanted <= exported(told)
    assert {"status", "result", "head", "against", "label", "le", "name", "created"} <= set(
        re.findall(r'(\w+)="', told)
    )


def test_a_newly_installed_version_answers_without_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.install(version(1, tmp_path).path)
    service = Service(Asked(store.folder))
    with serving(service) as server:

        def answering() -> int:
            return int(json.loads(ask(server, "/predict", TEXT)[1])["label"].split()[-1])

        assert answering() == 1
        watching = service.watch(0.05)
        store.install(version(2, tmp_path).path)
        wait(lambda: answering() == 2)
        assert samples(server, "versions_total") == {(("result", "taken"),): 1}
        store.rollback()
        wait(lambda: answering() == 1)
        # A version that is not whole: the one before goes on.
        (store.folder / "broken").write_bytes(b"no model")
        store.path.unlink()
        store.path.symlink_to("broken")
        wait(lambda: json.loads(ask(server, "/healthz")[1])["refused"] is not None)
        assert "got another kind of file" in json.loads(ask(server, "/healthz")[1])["refused"]
        assert answering() == 1
        service.end()
        watching.join()


def wait(done: Callable[[], bool]) -> None:
    until = monotonic() + 10
    while not done():
        assert monotonic() < until
        sleep(0.02)


def test_an_address_that_is_taken_or_elsewhere_is_one_line(server: Listener, service: Service) -> None:
    taken = f"127.0.0.1:{server.server_port}: expected an address that is free here; got: Address already in use"
    for host, port, line in (
        ("127.0.0.1", server.server_port, taken),
        ("192.0.2.1", 0, "192.0.2.1:0: expected an address that is free here; got: Cannot assign"),
        ("127.0.0.1", 99999, "127.0.0.1:99999: expected an address that is free here; got: "),
    ):
        with pytest.raises(EdgeError) as caught:
            listen(service, host, port, LIMITS)
        assert str(caught.value).startswith(line)


def test_a_signal_ends_it_after_the_last_answer(bundle: Bundle, tmp_path: Path) -> None:
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "systemd"))
    told.settimeout(20)
    command = [sys.executable, "-m", "mgdist_edge", "serve", bundle.path, "--port", "0", "--workers", "1"]
    edge = str(Path(__file__).parents[2] / "edge")
    environment = {**os.environ, "PYTHONPATH": edge, "NOTIFY_SOCKET": str(tmp_path / "systemd")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as done:
        assert done.stdout is not None
        line = done.stdout.readline()
        assert line.startswith(f"{bundle.path}: answers at http://127.0.0.1:")
        assert told.recv(100) == b"READY=1"
        connection = HTTPConnection("127.0.0.1", int(line.rsplit(":", 1)[1]), timeout=5)
        connection.request("POST", "/predict", json.dumps(TEXT), JSON)
        assert json.loads(connection.getresponse().read())["label"].split()[0] in LABELS
        connection.close()
        done.send_signal(signal.SIGTERM)
        assert done.wait(10) == 0
        assert told.recv(100) == b"STOPPING=1"
        assert done.communicate() == ("", "")
    told.close()
