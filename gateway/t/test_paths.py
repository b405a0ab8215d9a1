"""Spelling a path otherwise leads nobody past the routes: to what is hidden, to another service, out of a folder."""

import re
from urllib.parse import unquote

import pytest
from gateway import Gateway
from wire import Heard, converse

OPERATORS = {"/readyz", "/metrics"}
SECRET = "not-for-anybody"

HIDDEN = [
    *("/readyz", "/readyz?", "/readyz?a", "/readyz/", "/readyz//", "//readyz", "///readyz/", "/./readyz", "/readyz/."),
    *("/x/../readyz", "/%2e/readyz", "/x/%2e%2e/readyz", "/x/..%2freadyz", "/x%2f..%2freadyz", "/%2Freadyz"),
    *("/readyz%2f", "/readyz%0a", "/readyz/x/..", "/readyz#x", "/%72eadyz", "/%72%65%61%64%79%7a"),
    *("/metrics", "/metrics/", "/%6detrics", "/x/../metrics", "/static/../metrics", "/static/..%2fmetrics"),
    *("/api/v1/prices/../../../metrics", "/api/v1/prices/%2e%2e/%2E%2E/%2e%2e/readyz", "/mail/../readyz"),
    *("/mail/..%2freadyz", "/mail//../readyz", "/mail/./../metrics", "http://x/readyz", "http://x//metrics?a"),
    *("/_gateway/problem", "/_gateway/../_gateway/problem", "/%5fgateway/problem", "//_gateway//problem"),
]
# Something else for nginx: whoever gets it must not take it for an operator's route.
LOOKALIKES = [
    *(
        "/readyz;",
        "/readyz;a=b",
        "/;/readyz",
        "/READYZ",
        "/Readyz",
        "/readyz.",
        "/readyz%2e",
        "/readyz%20",
        "/readyz%3f",
    ),
    *("/readyz%23", "/x#/../readyz", "/x?/../readyz", "/%2572eadyz", "/%252freadyz", "/\\readyz", "/x\\..\\readyz"),
    *("/x%5c..%5creadyz", "/metrics;x", "/Metrics", "/api/v1/prices/..;/..;/readyz", "/mail/%252e%252e/readyz"),
    *("/%c0%ae%c0%ae/readyz", "/readyz/..", "/%e2%81%84readyz", "/readyz%c2%a0", "/readyz%09", "/readyz%7f"),
]
BROKEN = ["/readyz%00", "/%00/readyz", "/../readyz", "/..%2freadyz", "/%2e%2e/readyz", "/%zz", "/%", "/%u0072eadyz"]
# Out of the folder of static files; the secret lies beside it.
ESCAPES = [
    *("/static../secret", "/static/../secret", "/static/..%2fsecret", "/static/%2e%2e/secret", "/static/..%5csecret"),
    *(
        "/static/....//secret",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/static/./../secret",
        "/static%2f..%2fsecret",
    ),
    *("/static/site.css/../../secret", "/static/%252e%252e/secret", "/static/..;/secret", "/static/.%2e/secret"),
    *("/static/%c0%ae%c0%ae/secret", "/static/x/../../secret", "/static/site.css/../..%2fsecret", "/static..%2fsecret"),
    *("/_gateway/page.css/../error.html", "/_gateway/../error.html", "/_gateway/page.css/../../conf/admin.conf"),
]


def _get(gateway: Gateway, target: str) -> Heard:
    got, last = converse(gateway.port, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert last.status == 200
    return got


def _reached(gateway: Gateway) -> list[tuple[str, str]]:
    """Return service and path of what arrived, the last request of the conversation aside."""
    return [
        (service.name, request.path)
        for service in gateway.services.values()
        for request in service.seen
        if request.path != "/last"
    ]


def _as_a_service_reads(path: str) -> str:
    """Return the route that a service finds: decoded once, slashes merged, query and fragment off."""
    decoded = unquote(re.split("[?#]", path)[0], "latin-1")
    return re.sub("/+", "/", decoded).rstrip("/")


@pytest.mark.parametrize("target", HIDDEN)
def test_the_operators_routes_are_not_there_however_they_are_spelled(gateway: Gateway, target: str) -> None:
    got = _get(gateway, target)
    assert got.status == 404
    assert got.all("Content-Type") == ["application/problem+json"]
    assert _reached(gateway) == []


@pytest.mark.parametrize("target", LOOKALIKES)
def test_what_only_looks_like_an_operators_route_is_passed_on_as_that(gateway: Gateway, target: str) -> None:
    assert _get(gateway, target).status == 200
    ((_, path),) = _reached(gateway)
    assert path == target
    assert _as_a_service_reads(path) not in OPERATORS


@pytest.mark.parametrize("target", BROKEN)
def test_a_path_that_cannot_be_is_refused(gateway: Gateway, target: str) -> None:
    (got,) = converse(gateway.port, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert got.status == 400
    assert _reached(gateway) == []


@pytest.mark.parametrize("target", ESCAPES)
def test_no_spelling_leaves_the_folder_of_files(gateway: Gateway, target: str) -> None:
    (gateway.folder / "secret").write_text(SECRET)
    (gateway.folder / "secret").chmod(0o644)
    got = _get(gateway, target)
    reached = _reached(gateway)
    assert SECRET.encode() not in got.body
    assert got.body == b"done" if reached else got.status == 404


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/api/v1/prices/..%2forders", "orders"),
        ("/api//v1/prices", "usda"),
        ("/x/../api/v1/prices", "usda"),
        ("/api/v1/%70rices", "usda"),
        ("/api/v1/prices/../orders", "orders"),
        ("/mail/../cycles/1", "orders"),
        ("/ws/", "orders"),
        ("/ws;x", "orders"),
        ("/sse%2f", "orders"),
        ("/API/V1/prices", "orders"),
        ("/mail", "orders"),
    ],
)
def test_a_spelling_reaches_one_service_and_as_it_was_written(gateway: Gateway, target: str, name: str) -> None:
    assert _get(gateway, target).status == 200
    assert _reached(gateway) == [(name, target)]


def test_the_operators_listener_is_not_reached_from_the_public_one(gateway: Gateway) -> None:
    for target in ("/status", "/upstreams/orders/pause", "http://127.0.0.1:8081/status"):
        assert _get(gateway, target).body == b"done"
    assert gateway.status("orders")["state"] == "up"
