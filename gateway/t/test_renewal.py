"""A certificate renewed on disk is taken up by a running gateway, which loses no request and never goes down for it."""

import json
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates import Certificate, make
from client import eventually
from gateway import Gateway, free_port


@pytest.fixture
def own(tmp_path: Path) -> Certificate:
    return make(tmp_path, "own")


@pytest.fixture
def secure(make_gateway: Callable[..., Gateway], own: Certificate) -> Gateway:
    return make_gateway(**own.settings(free_port()), GATEWAY_TLS_CHECK_S="1")


def _insecure() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _over_tls(gateway: Gateway, path: str) -> tuple[str, int]:
    """Return the certificate shown (PEM) and the status of an answer."""
    port = int(gateway.environment["GATEWAY_TLS_PORT"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        _insecure().wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while part := tls.recv(65536):
            got += part
        shown = tls.getpeercert(binary_form=True)
        assert shown
        return ssl.DER_cert_to_PEM_cert(shown), int(got.split()[1])


def _shows(gateway: Gateway, certificate: Certificate) -> bool:
    return _over_tls(gateway, "/healthz")[0].split() == certificate.text.split()


def _journal(gateway: Gateway, event: str) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in (gateway.folder / "errors").read_text().splitlines() if line[:1] == "{"]
    return [line for line in lines if line["event"] == event]


@contextmanager
def _visitors(gateway: Gateway) -> Iterator[list[object]]:
    stop, results = threading.Event(), []

    def visit() -> None:
        while not stop.is_set():
            try:
                results.append(_over_tls(gateway, "/")[1])
            except OSError as problem:
                results.append(problem)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(visit)
        try:
            yield results
        finally:
            stop.set()


def test_a_renewed_certificate_is_taken_up_and_nobody_notices(
    secure: Gateway, own: Certificate, tmp_path: Path
) -> None:
    renewed = make(tmp_path, "renewed")
    assert secure.process
    with _visitors(secure) as results:
        eventually(lambda: len(results) > 20)
        own.replace_with(renewed)
        eventually(lambda: _shows(secure, renewed))
        seen = len(results)
        eventually(lambda: len(results) > seen + 20)
    assert set(results) == {200}
    assert _journal(secure, "certificate_renewed")
    assert secure.process.poll() is None


def _ends_in_days(gateway: Gateway) -> float:
    return (gateway.metric("gateway_certificate_end_timestamp_seconds") - time.time()) / 86_400


def test_the_end_of_the_certificate_is_told_also_of_a_renewed_one(
    secure: Gateway, own: Certificate, tmp_path: Path
) -> None:
    assert 29 < _ends_in_days(secure) < 31
    own.replace_with(make(tmp_path, "renewed", ends=80))
    eventually(lambda: 79 < _ends_in_days(secure) < 81)


def test_without_a_certificate_nothing_is_told_of_its_end(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    assert gateway.metric("gateway_certificate_end_timestamp_seconds") == 0
    assert gateway.metric("mercadito_memory_bytes") > 1 << 20
    assert gateway.metric("mercadito_memory_limit_bytes") > gateway.metric("mercadito_memory_bytes")


@pytest.mark.parametrize("broken", ["garbage", "expired", "half"])
def test_a_broken_renewal_is_told_and_the_old_certificate_stays_until_a_good_one_comes(
    secure: Gateway, own: Certificate, tmp_path: Path, broken: str
) -> None:
    before = Certificate(tmp_path / "before.crt", own.key)
    before.file.write_text(own.text)
    good = make(tmp_path, "good")
    if broken == "garbage":
        own.file.write_text("not a certificate\n")
    elif broken == "expired":
        own.replace_with(make(tmp_path, "expired", begins=-9, ends=-1))
    else:
        own.file.write_text(good.text)
    told = eventually(lambda: _journal(secure, "certificate_refused"))
    assert told[0]["level"] == "error"
    assert "GATEWAY_TLS" in told[0]["reason"]
    assert _shows(secure, before)
    assert secure.fetch("/healthz").status == 200
    own.replace_with(good)
    eventually(lambda: _shows(secure, good))


def test_a_link_that_leads_to_another_file_is_a_renewal(make_gateway: Callable[..., Gateway], tmp_path: Path) -> None:
    first, second = make(tmp_path, "first"), make(tmp_path, "second")
    live = tmp_path / "live"
    live.symlink_to(first.file.parent / "1")
    for number, made in (("1", first), ("2", second)):
        (tmp_path / number).mkdir()
        for file in (made.file, made.key):
            (tmp_path / number / f"shop{file.suffix}").write_bytes(file.read_bytes())
    linked = Certificate(live / "shop.crt", live / "shop.key")
    gateway = make_gateway(**linked.settings(free_port()), GATEWAY_TLS_CHECK_S="1")
    assert _shows(gateway, first)
    (tmp_path / "next").symlink_to(tmp_path / "2")
    (tmp_path / "next").rename(live)
    eventually(lambda: _shows(gateway, second))


def _family(gateway: Gateway) -> list[int]:
    """Everything that began in this gateway's state folder or belongs to its attendant."""
    found = []
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    master = gateway.process.pid if gateway.process else 0
    for line in listed.splitlines()[1:]:
        pid, _, command = line.strip().partition(" ")
        try:
            inside = Path(f"/proc/{pid}/cwd").readlink() == gateway.folder / "state"
        except OSError:
            continue
        if f"--pid={master} " in f"{command} " or (inside and "nginx: cache" in command):
            found.append(int(pid))
    return found


def test_attendant_and_cache_processes_end_with_a_killed_master(secure: Gateway) -> None:
    eventually(lambda: len(_family(secure)) >= 2)
    assert secure.process
    secure.process.kill()
    secure.process.wait()
    eventually(lambda: not _family(secure))
    assert len(secure.workers()) == 2


def test_the_attendant_leaves_the_next_masters_cache_processes_alone(secure: Gateway) -> None:
    eventually(lambda: len(_family(secure)) >= 2)
    first = set(_family(secure))
    assert secure.process
    secure.process.kill()
    secure.process.wait()
    secure.start()
    eventually(lambda: _manages_the_cache(set(_family(secure)) - first))
    eventually(lambda: not first & set(_family(secure)))
    assert _manages_the_cache(set(_family(secure)))


def _manages_the_cache(pids: set[int]) -> bool:
    return any("cache manager" in Path(f"/proc/{pid}/cmdline").read_text() for pid in pids)


def test_a_quit_ends_everything(secure: Gateway) -> None:
    eventually(lambda: _family(secure))
    secure.signal(signal.SIGQUIT)
    assert secure.process
    assert secure.process.wait(20) == 0
    eventually(lambda: not _family(secure))
