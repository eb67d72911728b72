"""``mgdist-edge serve`` under load, and what it does with clients that behave badly.

    python -m tests.benchmarks serve BUNDLE [--seconds 30] [--connections 8] [--workers 2]

starts the service in a process of its own and asks it the golden examples over persistent connections on loopback,
while now and then another client sends broken JSON, 50 MB, or nothing but a byte a second.
"""

import argparse
import json
import socket
import subprocess
import sys
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep

import numpy as np

from mgdist_edge.bundle import Bundle
from mgdist_edge.raws import raw_json
from tests.benchmarks.setting import environment, table, told

JSON = {"Content-Type": "application/json"}


def main() -> int:
    """Print the table; the exit code is 1 where a request failed, or a bad one was not refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    for name, default in (("--seconds", 30), ("--connections", 8), ("--workers", 2)):
        parser.add_argument(name, type=int, default=default)
    asked = parser.parse_args()
    command = [sys.executable, "-m", "mgdist_edge", "serve", str(asked.bundle), "--port", "0", "--timeout", "5"]
    command += ["--workers", str(asked.workers)]
    with told(), subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        port = int(service.stdout.readline().rsplit(":", 1)[1])
        try:
            wrong = loaded(port, bodies(asked.bundle), asked.seconds, asked.connections)
            print(
                f"\nended with exit code {stopped(service)}; {asked.workers} workers, {asked.connections} connections"
            )
        finally:
            service.kill()
    return int(wrong)


def stopped(service: "subprocess.Popen[str]") -> int:
    """End the service as systemd does."""
    service.terminate()
    return service.wait(20)


def bodies(bundle: Path) -> list[bytes]:
    """Return the golden examples as requests."""
    found = []
    for example in Bundle.open(bundle).golden.examples:
        raws = {name: raw_json(raw) for name, raw in example.raws.items()}
        found.append(json.dumps(raws if len(raws) > 1 else next(iter(raws.values()))).encode())
    return found


def loaded(port: int, sent: list[bytes], seconds: int, connections: int) -> bool:
    """Ask for some seconds; print what came of it, and say whether anything went wrong."""
    times: list[list[float]] = [[] for _ in range(connections)]
    failures, bad = Counter[str](), Counter[str]()
    until = perf_counter() + seconds
    threads = [Thread(target=client, args=(port, sent, until, each, failures)) for each in times]
    threads.append(Thread(target=misbehave, args=(port, until, bad)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = 1000 * np.concatenate([np.array(each) for each in times])
    p50, p95, p99 = np.percentile(took, [50, 95, 99]).tolist()
    rate = len(took) / seconds
    head = ["requests", "a second", "errors", "p50 ms", "p95 ms", "p99 ms", "longest ms"]
    table(head, [[len(took), rate, failures.total(), p50, p95, p99, float(took.max())]])
    table(["bad client", "answer", "times"], [[*key.split(": "), count] for key, count in sorted(bad.items())])
    print("".join(f"\n{what}: {count}" for what, count in failures.items()))
    refused = {"broken JSON: 400", "50 MB: 413", "a byte a second: 408"}
    return bool(failures) or set(bad) != refused


def client(port: int, sent: list[bytes], until: float, times: list[float], failures: Counter[str]) -> None:
    """Ask one request after another on one connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    while (begin := perf_counter()) < until:
        try:
            connection.request("POST", "/predict", sent[len(times) % len(sent)], JSON)
            response = connection.getresponse()
            body = response.read()
            if response.status != 200 or b'"milliseconds"' not in body:
                failures[f"status {response.status}"] += 1
        except OSError as error:
            failures[repr(error)] += 1
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
        times.append(perf_counter() - begin)
    connection.close()


def misbehave(port: int, until: float, bad: Counter[str]) -> None:
    """Send what is to be refused, in turns."""
    while perf_counter() < until - 6:
        bad[f"broken JSON: {status(port, b'[1, ')}"] += 1
        bad[f"50 MB: {status(port, b'x' * 50_000_000)}"] += 1
        bad[f"a byte a second: {slow(port)}"] += 1


def status(port: int, body: bytes) -> int:
    """Return what a request is answered with."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/predict", body, JSON)
    found = connection.getresponse().status
    connection.close()
    return found


def slow(port: int) -> int:
    """Return what a client is answered that sends a byte a second."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n")
        connection.setblocking(False)
        while True:
            sleep(1)
            try:
                return int(connection.recv(65536).split()[1])
            except BlockingIOError:
                connection.send(b" ")


if __name__ == "__main__":
    sys.exit(main())
