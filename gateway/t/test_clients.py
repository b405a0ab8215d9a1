"""Who the client is: a proxy in front is believed where it connects from a trusted address, and nobody else is."""

import json
import shutil
from collections.abc import Callable

import pytest
from certificates import Certificate
from client import eventually, raw
from faulty import Request
from gateway import Gateway, free_port
from start import start

PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
TRUSTED = "127.0.0.1/32,10.0.0.0/8,2001:db8:1::/48"


@pytest.fixture(scope="module")
def standing(make_lasting_gateway: Callable[..., Gateway]) -> Gateway:
    return make_lasting_gateway(GATEWAY_TRUSTED_PROXIES=TRUSTED)


@pytest.fixture
def behind(standing: Gateway) -> Gateway:
    for service in standing.services.values():
        service.seen.clear()
    return standing


def _seen(gateway: Gateway, source: str, **headers: str) -> Request:
    assert gateway.fetch("/", source=source, **headers).status == 200
    return gateway.orders.seen[-1]


def test_a_trusted_proxy_names_the_client_the_scheme_and_the_host(behind: Gateway) -> None:
    said = {"X_Forwarded_For": "198.51.100.7", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "shop.example"}
    seen = _seen(behind, PROXY, **said)
    assert seen.all("X-Real-IP") == seen.all("X-Forwarded-For") == ["198.51.100.7"]
    assert seen.all("X-Forwarded-Proto") == ["https"]
    assert seen.all("Host") == ["shop.example"]
    assert seen.all("X-Forwarded-Host") == []


def test_a_stranger_names_nothing(behind: Gateway) -> None:
    said = {"X_Forwarded_For": "198.51.100.7", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "evil.example"}
    seen = _seen(behind, STRANGER, **said, X_Real_IP="198.51.100.7", Forwarded="for=198.51.100.7;proto=https")
    assert seen.all("X-Real-IP") == seen.all("X-Forwarded-For") == [STRANGER]
    assert seen.all("X-Forwarded-Proto") == ["http"]
    assert seen.all("Host") == [f"127.0.0.1:{behind.port}"]
    assert not seen.all("Forwarded")


def test_without_trusted_proxies_nobody_is_believed(gateway: Gateway) -> None:
    seen = _seen(gateway, PROXY, X_Forwarded_For="198.51.100.7", X_Forwarded_Proto="https", X_Forwarded_Host="evil")
    assert seen.all("X-Real-IP") == [PROXY]
    assert seen.all("X-Forwarded-Proto") == ["http"]
    assert seen.all("Host") == [f"127.0.0.1:{gateway.port}"]


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        # What a client forged stands before what the first trusted proxy saw.
        ("192.0.2.1, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("garbage, 198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("192.0.2.1, 198.51.100.7, 10.1.2.3, 10.9.9.9", "198.51.100.7"),
        ("198.51.100.7,10.1.2.3", "198.51.100.7"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8::9", "2001:db8::9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("2001:db8::9, 2001:db8:1::5", "2001:db8::9"),
        # What cannot be read is the proxy's own fault: the proxy is the client.
        ("garbage", PROXY),
        ("198.51.100.7, garbage", PROXY),
        ("198.51.100.999", PROXY),
        ("unknown", PROXY),
        ("", PROXY),
        (",", PROXY),
        ("198.51.100.7\t; drop", PROXY),
        (", ".join(["192.0.2.1"] * 300 + ["198.51.100.7"]), "198.51.100.7"),
    ],
)
def test_a_chain_is_walked_from_its_end_to_the_first_stranger(behind: Gateway, chain: str, client: str) -> None:
    seen = _seen(behind, PROXY, X_Forwarded_For=chain)
    assert seen.all("X-Real-IP") == seen.all("X-Forwarded-For") == [client]


def test_a_chain_over_several_lines_is_one_chain(behind: Gateway) -> None:
    lines = b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 198.51.100.7\r\n"
    raw(behind.port, b"GET / HTTP/1.1\r\nHost: x\r\n" + lines + b"Connection: close\r\n\r\n")
    assert behind.orders.seen[0].all("X-Real-IP") == ["198.51.100.7"]


@pytest.mark.parametrize("scheme", ["javascript", "https, http", "http, https", "https;", "", "wss"])
def test_a_scheme_that_is_none_is_not_taken(behind: Gateway, scheme: str) -> None:
    assert _seen(behind, PROXY, X_Forwarded_Proto=scheme).all("X-Forwarded-Proto") == ["http"]


@pytest.mark.parametrize("host", ['a"b', "a b", "shop.example, evil.example", "a/b", "a;script-src *", "é", ""])
def test_a_host_that_is_none_is_not_taken(behind: Gateway, host: str) -> None:
    assert _seen(behind, PROXY, X_Forwarded_Host=host).all("Host") == [f"127.0.0.1:{behind.port}"]


def test_the_policy_and_strict_transport_follow_what_the_client_sees(make_gateway: Callable[..., Gateway]) -> None:
    behind = make_gateway(GATEWAY_TRUSTED_PROXIES=TRUSTED, GATEWAY_HSTS_S="600")
    said = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "shop.example"}
    seen = behind.fetch("/static/none", source=PROXY, **said).headers
    assert "connect-src 'self' wss://shop.example;" in seen["Content-Security-Policy"]
    assert seen["Strict-Transport-Security"] == "max-age=600"
    forged = behind.fetch("/static/none", source=STRANGER, **said).headers
    assert "shop.example" not in forged["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in forged


def test_a_proxy_that_ended_tls_is_not_sent_to_tls(
    make_gateway: Callable[..., Gateway], certificate: Certificate
) -> None:
    behind = make_gateway(**certificate.settings(free_port()), GATEWAY_TRUSTED_PROXIES=TRUSTED)
    assert behind.fetch("/", source=PROXY, X_Forwarded_Proto="https").status == 200
    asked = behind.fetch("/", source=PROXY, X_Forwarded_Proto="http", X_Forwarded_Host="shop.example")
    assert asked.status == 308
    assert asked.headers["Location"].startswith("https://shop.example:")
    assert behind.fetch("/", source=STRANGER, X_Forwarded_Proto="https").status == 308


def test_the_rate_is_the_clients_not_the_proxys(make_gateway: Callable[..., Gateway]) -> None:
    behind = make_gateway(GATEWAY_TRUSTED_PROXIES=TRUSTED, GATEWAY_RATE_PER_S="3")
    each = [behind.fetch("/", source=PROXY, X_Forwarded_For=f"198.51.100.{number}").status for number in range(20)]
    assert set(each) == {200}
    same = [
        behind.fetch("/", source=PROXY, X_Forwarded_For=f"{number}.1.1.1, 192.0.2.1").status for number in range(20)
    ]
    assert 429 in same
    forged = [behind.fetch("/", source=STRANGER, X_Forwarded_For=f"198.51.100.{number}").status for number in range(20)]
    assert 429 in forged


def test_a_household_with_ipv6_is_one_client(make_gateway: Callable[..., Gateway]) -> None:
    """It has 2^64 addresses: by each of them there would be no limit."""
    behind = make_gateway(
        GATEWAY_TRUSTED_PROXIES=TRUSTED, GATEWAY_RATE_PER_S="3", GATEWAY_SIGN_INS_PER_MIN="2", ORDERS_CONCURRENCY="1"
    )

    def ask(client: str, *request: str) -> int:
        return behind.fetch(*(request or ("/",)), source=PROXY, X_Forwarded_For=client).status

    assert {ask(f"2001:db8:0:{number:x}::1") for number in range(20)} == {200}
    assert 429 in [ask(f"2001:db8:ffff:1::{number:x}") for number in range(20)]
    assert {ask(f"2001:db8:2:{number:x}::1", "/sign-in", "POST") for number in range(8)} == {200}
    assert 429 in [ask(f"2001:db8:ffff:2::{number:x}", "/sign-in", "POST") for number in range(8)]


def test_sign_ins_are_counted_by_the_true_client(make_gateway: Callable[..., Gateway]) -> None:
    behind = make_gateway(GATEWAY_TRUSTED_PROXIES=TRUSTED, GATEWAY_SIGN_INS_PER_MIN="2")

    def sign_in(source: str, client: str) -> int:
        return behind.fetch("/sign-in", "POST", source=source, X_Forwarded_For=client).status

    assert {sign_in(PROXY, f"198.51.100.{number}") for number in range(8)} == {200}
    assert 429 in [sign_in(STRANGER, f"198.51.100.{number}") for number in range(8)]


def test_what_nginx_itself_cannot_do_is_told_without_saying_by_whose_request(
    make_gateway: Callable[..., Gateway],
) -> None:
    """As on a full disk: there is no room for bodies any more."""
    gateway = make_gateway()
    shutil.rmtree(gateway.folder / "state/tmp/body")
    failed = [gateway.fetch("/reset/s3cret", "POST", bytes(100_000)).status for _ in range(3)]
    assert failed == [500] * 3
    errors = (gateway.folder / "errors").read_text()
    assert "127.0.0.1" not in errors
    assert "s3cret" not in errors
    assert [json.loads(line)["event"] for line in errors.splitlines()].count("internal_error") >= 1
    eventually(lambda: gateway.metric("gateway_internal_errors_total") == 3)


def test_no_address_of_a_client_is_logged(behind: Gateway) -> None:
    got = behind.fetch("/", source=PROXY, X_Forwarded_For="198.51.100.99")
    behind.line_of(got)
    assert "198.51.100.99" not in (behind.folder / "log").read_text() + (behind.folder / "errors").read_text()


@pytest.mark.parametrize(
    "value",
    [
        *("0.0.0.0/0", "10.0.0.0/8,::/0", "10.0.0.0/33", "10.0.0.256", "proxy.example", "10.0.0.0/8;", "10.0.0.0/8 "),
        *("10.0.0.0/8,,127.0.0.1", "fd00::/129", "fe80::zz", "12345::/16", "1:2:3", ":", "unix:", "10.0.0.0/8\n::1"),
    ],
)
def test_a_list_that_is_none_is_refused(gateway: Gateway, value: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = {
        "GATEWAY_STATE_DIR": str(tmp_path_factory.mktemp("state")),
        "GATEWAY_PORT": str(free_port()),
        "GATEWAY_ADMIN_PORT": str(free_port()),
    }
    done = start({**gateway.environment, **elsewhere, "GATEWAY_TRUSTED_PROXIES": value})
    assert done.returncode == 2, done.stderr
    assert "GATEWAY_TRUSTED_PROXIES" in done.stderr
