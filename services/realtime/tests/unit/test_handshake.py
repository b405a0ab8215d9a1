import pytest
from realtime import handshake
from realtime.handshake import FewHeaders

ALLOWED = frozenset(["https://shop.example"])


def headers(*pairs: tuple[str, str]) -> FewHeaders:
    return FewHeaders([(name.encode(), value.encode()) for name, value in pairs])


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("Mercadito.Example", "https://mercadito.example"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("localhost:8080", "https://shop.example"),
        ("localhost:8080", "HTTPS://SHOP.example"),
    ],
)
def test_a_page_of_ours_may_open_a_socket(host: str, origin: str) -> None:
    assert handshake.may_come_from(headers(("Host", host), ("Origin", origin)), ALLOWED)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://evil.example"),
        ("localhost:8080", "http://localhost"),
        ("localhost:8080", "http://localhost:80801"),
        ("localhost:8080", "http://localhost:8080.evil.example"),
        ("localhost:8080", "http://evil.example#localhost:8080"),
        ("localhost:8080", "http://x@localhost:8080"),
        ("localhost:8080", "http://localhost:8080/"),
        ("localhost:8080", "null"),
        ("localhost:8080", ""),
        ("localhost:8080", "file://localhost:8080"),
        ("localhost:8080", "http://shop.example"),
        ("localhost:8080", "http://[::1"),
        ("", "http://"),
    ],
)
def test_any_other_page_may_not(host: str, origin: str) -> None:
    assert not handshake.may_come_from(headers(("Host", host), ("Origin", origin)), ALLOWED)


def test_repeated_headers_are_refused() -> None:
    ours, host = ("Origin", "http://a"), ("Host", "a")
    assert not handshake.may_come_from(headers(host, ours, ours), ALLOWED)
    assert not handshake.may_come_from(headers(host, host, ours), ALLOWED)


def test_what_sends_no_origin_is_no_browser_and_may_try() -> None:
    assert handshake.may_come_from(headers(("Host", "a")), ALLOWED)


def test_the_address_is_the_one_the_gateway_tells() -> None:
    peer = ("127.0.0.1", 4711)
    assert handshake.address_of(headers(("X-Real-IP", "203.0.113.9")), peer) == "203.0.113.9"
    assert handshake.address_of(headers(("X-Forwarded-For", "203.0.113.9")), peer) == "127.0.0.1"
    assert handshake.address_of(headers(("X-Real-IP", "1"), ("X-Real-IP", "2")), peer) == "127.0.0.1"
    assert len(handshake.address_of(headers(("X-Real-IP", "9" * 4_000)), peer)) == handshake.MAX_ADDRESS_CHARS
    assert handshake.address_of(headers(), None) == ""


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("no address", "no address"),
    ],
)
def test_addresses_of_one_network_count_as_one(address: str, counts_as: str) -> None:
    assert handshake.address_of(headers(("X-Real-IP", address)), None) == counts_as
    assert handshake.address_of(headers(), (address, 1)) == counts_as


def test_the_path_is_judged_without_its_query() -> None:
    assert handshake.path_of("/ws?x=1") == "/ws"
    assert handshake.path_of("/ws/") != handshake.PATH


@pytest.mark.parametrize("offered", [("mercadito.v1",), ("chat, mercadito.v1",), ("chat", " mercadito.v1 ")])
def test_our_subprotocol_may_be_one_of_several(offered: tuple[str, ...]) -> None:
    assert handshake.speaks_ours(headers(*(("Sec-WebSocket-Protocol", one) for one in offered)))


@pytest.mark.parametrize("offered", [(), ("",), ("mercadito.v11",), ("mercadito", "v1"), ("Mercadito.V1",)])
def test_any_other_subprotocol_is_not_ours(offered: tuple[str, ...]) -> None:
    assert not handshake.speaks_ours(headers(*(("Sec-WebSocket-Protocol", one) for one in offered)))
