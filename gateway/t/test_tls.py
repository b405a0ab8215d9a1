"""TLS and HTTP/2: what a listener with a certificate answers, and what plain HTTP is told beside it."""

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from certificates import Certificate, make, path_without_openssl
from client import eventually, fetch, raw
from faulty import answer, upgrade
from gateway import Gateway, free_port
from http_two import Http2, trusting
from start import start


@pytest.fixture
def secure(make_gateway: Callable[..., Gateway], certificate: Certificate) -> Callable[..., Gateway]:
    def made(**more: str) -> Gateway:
        return make_gateway(**{**certificate.settings(free_port()), "GATEWAY_HSTS_S": "600", **more})

    return made


@pytest.fixture(scope="module")
def acme(shared_folder: Path) -> Path:
    folder = shared_folder / "acme"
    place = folder / ".well-known/acme-challenge"
    place.mkdir(parents=True)
    for each in (folder, folder / ".well-known", place):
        each.chmod(0o755)
    (place / "token-1").write_text("token-1.thumb")
    (folder / "beside").write_text("not a challenge")
    return folder


def _tls_port(gateway: Gateway) -> int:
    return int(gateway.environment["GATEWAY_TLS_PORT"])


def _trust(gateway: Gateway, **versions: ssl.TLSVersion) -> ssl.SSLContext:
    context = trusting(gateway.environment["GATEWAY_TLS_CERTIFICATE_FILE"])
    for name, version in versions.items():
        setattr(context, name, version)
    return context


@pytest.fixture(scope="module")
def standing(make_lasting_gateway: Callable[..., Gateway], certificate: Certificate) -> Gateway:
    return make_lasting_gateway(**certificate.settings(free_port()), GATEWAY_HSTS_S="600")


@pytest.fixture
def usual(standing: Gateway) -> Gateway:
    """The gateway with a certificate and no other setting, for tests that leave it as it was."""
    for service in standing.services.values():
        service.script.clear()
        service.seen.clear()
    return standing


@pytest.fixture
def connection(usual: Gateway) -> Iterator[tuple[Gateway, Http2]]:
    gateway = usual
    with Http2(_tls_port(gateway), _trust(gateway)) as http2:
        yield gateway, http2


def _raw_tls(gateway: Gateway, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
    chosen = context or _trust(gateway)
    chosen.set_alpn_protocols(["http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", _tls_port(gateway)), timeout=10) as plain,
        chosen.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(request)
        got = b""
        while part := tls.recv(65536):
            got += part
    return got


PLAIN_GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_a_page_over_http_two_has_the_headers_of_tls(connection: tuple[Gateway, Http2]) -> None:
    gateway, http2 = connection
    got = http2.fetch("/")
    assert (got.status, got.body) == (200, b"done")
    assert got.headers["Strict-Transport-Security"] == "max-age=600"
    port = _tls_port(gateway)
    assert f"connect-src 'self' wss://localhost:{port};" in got.headers["Content-Security-Policy"]
    seen = gateway.orders.seen[0]
    assert seen.all("X-Forwarded-Proto") == ["https"]
    assert seen.all("Host") == [f"localhost:{port}"]
    line = gateway.line_of(got)
    assert (line["protocol"], line["tls"]) == ("HTTP/2.0", "TLSv1.3")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls_serve_http_one(secure: Callable[..., Gateway], version: ssl.TLSVersion) -> None:
    gateway = secure()
    context = _trust(gateway, minimum_version=version, maximum_version=version)
    got = _raw_tls(gateway, PLAIN_GET, context)
    assert got.startswith(b"HTTP/1.1 200")
    assert b"Strict-Transport-Security: max-age=600\r\n" in got


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
def test_older_versions_and_weak_ciphers_are_refused(secure: Callable[..., Gateway]) -> None:
    gateway = secure()
    old = _trust(gateway, minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        _raw_tls(gateway, PLAIN_GET, old)
    weak = _trust(gateway, maximum_version=ssl.TLSVersion.TLSv1_2)
    weak.set_ciphers("ECDHE+AESCCM:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        _raw_tls(gateway, PLAIN_GET, weak)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_taken_up_by_whichever_worker(usual: Gateway, version: ssl.TLSVersion) -> None:
    gateway = usual
    context = _trust(gateway, minimum_version=version, maximum_version=version)
    context.set_alpn_protocols(["http/1.1"])

    def visit(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
        plain = socket.create_connection(("127.0.0.1", _tls_port(gateway)), timeout=10)
        with plain, context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
            tls.sendall(PLAIN_GET)
            while tls.recv(65536):
                pass
            return bool(tls.session_reused), tls.session

    reused, session = visit(None)
    assert not reused
    for _ in range(6):
        reused, session = visit(session)
        assert reused


def test_a_large_body_passes_over_http_two(connection: tuple[Gateway, Http2]) -> None:
    gateway, http2 = connection
    body = bytes(range(256)) * 1200
    assert http2.fetch("/up", "POST", body).status == 200
    assert gateway.orders.seen[0].body == body


def test_a_service_cannot_say_how_long_tls_lasts(connection: tuple[Gateway, Http2]) -> None:
    gateway, http2 = connection
    gateway.orders.script.append(answer(200, b"x", "Strict-Transport-Security: max-age=0"))
    assert http2.fetch("/").headers["Strict-Transport-Security"] == "max-age=600"


def test_a_socket_upgrades_over_tls(secure: Callable[..., Gateway]) -> None:
    gateway = secure()
    gateway.services["realtime"].script.append(upgrade)
    context = _trust(gateway)
    context.set_alpn_protocols(["http/1.1"])
    plain = socket.create_connection(("127.0.0.1", _tls_port(gateway)), timeout=10)
    with plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
        head = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        tls.sendall(head.encode())
        got = b""
        while not got.endswith(b"hi"):
            got += tls.recv(4096)
    assert got.startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_http_is_sent_to_tls_and_keeps_its_method(secure: Callable[..., Gateway], method: str) -> None:
    gateway = secure()
    got = gateway.fetch("/a/b?c=d&e=/", method, Host="shop.example:8080")
    assert got.status == 308
    assert got.headers["Location"] == f"https://shop.example:{_tls_port(gateway)}/a/b?c=d&e=/"
    assert "Content-Security-Policy" in got.headers
    assert "Strict-Transport-Security" not in got.headers
    assert not gateway.orders.seen


def test_the_port_that_people_see_is_the_one_told(secure: Callable[..., Gateway]) -> None:
    gateway = secure(GATEWAY_TLS_PUBLIC_PORT="443")
    assert gateway.fetch("/", Host="shop.example").headers["Location"] == "https://shop.example/"


def test_a_forged_host_does_not_get_into_the_redirect(secure: Callable[..., Gateway]) -> None:
    gateway = secure()
    for forged in (b"shop.example\\@evil", b"a b", b'"><script>', b"evil/", b"e\r\nX-Evil: 1"):
        got = raw(gateway.port, b"GET / HTTP/1.1\r\nHost: " + forged + b"\r\nConnection: close\r\n\r\n")
        assert b"\r\nX-Evil" not in got.split(b"\r\n\r\n")[0]
        assert b" 400 Bad" in got or b"Location: https://e:" in got


def test_health_and_challenges_stay_on_plain_http(secure: Callable[..., Gateway], acme: Path) -> None:
    gateway = secure(GATEWAY_ACME_DIR=str(acme))
    assert gateway.fetch("/healthz").body == b"ok\n"
    got = gateway.fetch("/.well-known/acme-challenge/token-1")
    assert (got.status, got.body, got.headers["Content-Type"]) == (200, b"token-1.thumb", "text/plain")
    assert gateway.fetch("/.well-known/acme-challenge/none").status == 404
    assert gateway.fetch("/.well-known/acme-challenge/../../beside").status == 308
    assert gateway.fetch("/beside").status == 308


def test_challenges_are_served_before_there_is_a_certificate(make_gateway: Callable[..., Gateway], acme: Path) -> None:
    gateway = make_gateway(GATEWAY_ACME_DIR=str(acme))
    assert gateway.fetch("/.well-known/acme-challenge/token-1").body == b"token-1.thumb"
    assert gateway.fetch("/").status == 200


def test_the_redirect_can_be_left_out(secure: Callable[..., Gateway]) -> None:
    gateway = secure(GATEWAY_TLS_REDIRECT="off")
    got = gateway.fetch("/")
    assert got.status == 200
    assert "Strict-Transport-Security" not in got.headers
    assert gateway.orders.seen[0].all("X-Forwarded-Proto") == ["http"]


def test_without_a_time_there_is_no_strict_transport(secure: Callable[..., Gateway]) -> None:
    gateway = secure(GATEWAY_HSTS_S="0")
    with Http2(_tls_port(gateway), _trust(gateway)) as http2:
        assert "Strict-Transport-Security" not in http2.fetch("/").headers


def test_an_http_two_client_learns_how_many_streams_it_may_open(connection: tuple[Gateway, Http2]) -> None:
    _, http2 = connection
    http2.fetch("/healthz")
    assert http2.state.remote_settings.max_concurrent_streams == 64


def test_streams_opened_and_reset_at_once_end_the_connection_and_leave_no_place_taken(
    connection: tuple[Gateway, Http2],
) -> None:
    gateway, http2 = connection
    gateway.orders.script.extend([answer(200)] * 2000)
    opened = 0
    with suppress(OSError):
        while opened < 5000:
            http2.state.reset_stream(http2.open("/reset"))
            http2.flush()
            opened += 1
            if not opened % 100:
                http2.answer(http2.open("/healthz"))
    assert 100 < opened <= 1000
    eventually(lambda: gateway.metric("gateway_in_flight") == gateway.metric("gateway_waiting") == 0)
    assert fetch(gateway.port, "/healthz").status == 200


def test_a_held_http_two_request_is_released(secure: Callable[..., Gateway]) -> None:
    gateway = secure(away=("orders",))
    with Http2(_tls_port(gateway), _trust(gateway)) as http2:
        stream = http2.open("/held", "POST", ends=False)
        http2.state.send_data(stream, b"body", end_stream=True)
        http2.flush()
        gateway.wait_for_waiting(1)
        gateway.orders.start()
        assert http2.answer(stream).status == 200
    assert gateway.orders.seen[0].body == b"body"


def test_clients_too_slow_to_begin_are_let_go(connection: tuple[Gateway, Http2]) -> None:
    gateway, http2 = connection
    with socket.create_connection(("127.0.0.1", _tls_port(gateway)), timeout=20) as no_handshake:
        # A header block that is never finished.
        http2.socket.sendall(b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82")
        while not http2.ended:
            http2.events()
        assert no_handshake.recv(1) == b""


def _refused(gateway: Gateway, problem: str, **settings: str) -> None:
    done = start({**gateway.environment, **settings})
    assert done.returncode == 2, done.stderr
    assert problem in done.stderr


@pytest.mark.parametrize("missing", ["GATEWAY_TLS_PORT", "GATEWAY_TLS_CERTIFICATE_FILE", "GATEWAY_TLS_KEY_FILE"])
def test_half_of_the_settings_is_refused(gateway: Gateway, certificate: Certificate, missing: str) -> None:
    _refused(gateway, f"{missing} is missing", **{**certificate.settings(free_port()), missing: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_TLS_PORT", "0"),
        ("GATEWAY_TLS_PORT", "https"),
        ("GATEWAY_TLS_PUBLIC_PORT", "65536"),
        ("GATEWAY_TLS_CERTIFICATE_FILE", "/no/such.crt"),
        ("GATEWAY_TLS_CERTIFICATE_FILE", "relative.crt"),
        ("GATEWAY_TLS_KEY_FILE", "/no/such.key"),
        ("GATEWAY_TLS_KEY_FILE", "/tmp"),
        ("GATEWAY_TLS_KEY_FILE", "/tmp/a key; evil"),
        ("GATEWAY_TLS_REDIRECT", "maybe"),
        ("GATEWAY_TLS_CHECK_S", "0"),
        ("GATEWAY_HSTS_S", "-1"),
        ("GATEWAY_ACME_DIR", "/no/such/folder"),
    ],
)
def test_a_wrong_setting_is_refused(gateway: Gateway, certificate: Certificate, name: str, value: str) -> None:
    _refused(gateway, name, **{**certificate.settings(free_port()), name: value})


def test_another_listeners_port_is_refused(gateway: Gateway, certificate: Certificate) -> None:
    _refused(gateway, "another listener's", **certificate.settings(gateway.admin_port))


def test_files_that_cannot_serve_are_refused_and_the_message_says_why(
    gateway: Gateway, certificate: Certificate, tmp_path: Path
) -> None:
    port = free_port()
    other = make(tmp_path, "other")
    garbage = tmp_path / "garbage"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    sealed = make(tmp_path, "sealed", passphrase="secret")
    for problem, file, key in (
        ("is not the key of", certificate.file, other.key),
        ("holds no certificate", garbage, certificate.key),
        ("holds no private key", certificate.file, garbage),
        ("without a passphrase", sealed.file, sealed.key),
        ("has expired", *_pair(make(tmp_path, "expired", begins=-9, ends=-1))),
        ("is not valid yet", *_pair(make(tmp_path, "tomorrow", begins=1))),
    ):
        _refused(gateway, problem, **Certificate(file, key).settings(port))


def _pair(made: Certificate) -> tuple[Path, Path]:
    return made.file, made.key


def test_without_openssl_nginx_judges(gateway: Gateway, certificate: Certificate, tmp_path: Path) -> None:
    other = make(tmp_path, "other")
    programs = tmp_path / "programs"
    programs.mkdir()
    mixed = Certificate(certificate.file, other.key).settings(free_port())
    settings = {**mixed, "GATEWAY_STATE_DIR": str(tmp_path / "state"), "PATH": path_without_openssl(programs)}
    _refused(gateway, "nginx refuses these settings", **_elsewhere(settings))
    _refused(gateway, "key values mismatch", **_elsewhere(settings))


def _elsewhere(settings: dict[str, str]) -> dict[str, str]:
    return {**settings, "GATEWAY_PORT": str(free_port()), "GATEWAY_ADMIN_PORT": str(free_port())}


def test_a_key_that_the_workers_can_read_is_told(secure: Callable[..., Gateway], shared_folder: Path) -> None:
    folder = shared_folder / "open"
    folder.mkdir(mode=0o755)
    loose = make(folder, "loose")
    loose.key.chmod(0o644)
    gateway = secure(**loose.settings(free_port()))
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in gateway.workers()}
    told = "can read the key of the certificate" in (gateway.folder / "errors").read_text()
    assert told is (os.getuid() == 0 and owners != {0})
    closed = secure()
    assert "can read the key" not in (closed.folder / "errors").read_text()
