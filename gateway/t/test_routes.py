"""Which service gets what, and what every answer carries."""

import hashlib
import json
import re
from collections.abc import Callable

import pytest
from client import raw
from faulty import answer, reset
from gateway import HOME, Gateway

FOR_EVER = "public, max-age=31536000, immutable"
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "orders"),
        ("/cycles/1", "orders"),
        ("/api/v1/orders", "orders"),
        ("/api/v1/jwks.json", "orders"),
        ("/api/v1/prices", "usda"),
        ("/api/v1/prices.csv?x=1", "usda"),
        ("/api/v1/prices/commodities", "usda"),
        ("/api/v1/notifications", "notify"),
        ("/api/v1/notifications/1/resend", "notify"),
        ("/mail/preferences", "notify"),
        ("/sse?c=prices", "realtime"),
        ("/ws", "realtime"),
        ("/api/v1/realtime/asyncapi.json", "realtime"),
        ("/api/v1/realtime/openapi.json", "realtime"),
        ("/api/v1/realtime-tickets", "orders"),
        ("/api/v1/realtime", "orders"),
    ],
)
def test_each_route_reaches_its_service(gateway: Gateway, path: str, name: str) -> None:
    assert gateway.fetch(path).status == 200
    assert {service.name: [request.path for request in service.seen] for service in gateway.services.values()} == {
        **{other: [] for other in gateway.services},
        name: [path],
    }


@pytest.mark.parametrize(
    "path",
    [
        "/readyz",
        "/metrics",
        "/readyz/",
        "//readyz",
        "/%72eadyz",
        "/static/../metrics",
        "/api/v1/prices/../../../readyz",
        "/api/v1/prices/..%2f..%2f..%2fmetrics",
        "/_gateway/problem",
        "/static/none.css",
    ],
)
def test_what_is_not_public_is_a_404_problem(gateway: Gateway, path: str) -> None:
    got = gateway.fetch(path)
    assert got.status == 404
    assert got.headers["Content-Type"] == "application/problem+json"
    assert got.json["type"].endswith("/not-found")
    assert got.json["request_id"] == got.headers["X-Request-Id"]
    assert not any(service.seen for service in gateway.services.values())


def test_healthz_is_the_gateways_own_and_works_with_every_service_away(gateway: Gateway) -> None:
    for service in gateway.services.values():
        service.stop()
    assert gateway.fetch("/healthz").body == b"ok\n"
    assert gateway.fetch("/static/site.css").status == 200


@pytest.mark.parametrize("path", ["/", "/static/site.css", "/static/none", "/healthz", "/readyz", "/_gateway/page.css"])
def test_every_answer_carries_the_security_headers(gateway: Gateway, path: str) -> None:
    headers = gateway.fetch(path).headers
    assert {name: headers[name] for name in EVERYWHERE} == EVERYWHERE
    assert re.fullmatch("[0-9a-f]{32}", headers["X-Request-Id"])
    policy = headers["Content-Security-Policy"]
    for part in (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ):
        assert part in policy
    assert f"connect-src 'self' ws://127.0.0.1:{gateway.port} wss://" in policy
    assert "geolocation=()" in headers["Permissions-Policy"]
    assert headers["Server"] == "nginx"


def test_a_mail_in_the_gallery_may_have_its_own_styles_and_nothing_else(gateway: Gateway) -> None:
    policy = gateway.fetch("/mail/gallery/price_list/es/mail").headers["Content-Security-Policy"]
    assert policy == ("default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox")
    for path in ("/mail/gallery", "/mail/gallery/price_list/es", "/mail/gallery/x/y/mail", "/mail/preferences/es/mail"):
        assert "unsafe" not in gateway.fetch(path).headers["Content-Security-Policy"]


def test_a_forged_host_does_not_get_into_the_policy(gateway: Gateway) -> None:
    got = raw(gateway.port, b"GET /healthz HTTP/1.1\r\nHost: a;script-src*\r\nConnection: close\r\n\r\n")
    assert b"script-src" not in got


def test_a_service_cannot_loosen_the_policy_or_name_the_request(gateway: Gateway) -> None:
    own = ("Content-Security-Policy: default-src *", "X-Request-Id: mine", "X-Held-Ms: 1", "X-Gateway-Outcome: unknown")
    gateway.orders.script.append(answer(200, b"", *own))
    headers = gateway.fetch("/").headers
    assert headers.get_all("Content-Security-Policy") == [headers["Content-Security-Policy"]]
    assert "*" not in headers["Content-Security-Policy"]
    assert headers.get_all("X-Request-Id") != ["mine"]
    assert headers["X-Held-Ms"] is headers["X-Gateway-Outcome"] is None


def test_a_service_cannot_make_the_gateway_fetch_something_else(gateway: Gateway) -> None:
    gateway.orders.script.append(answer(200, b"own", "X-Accel-Redirect: /static/site.css"))
    assert gateway.fetch("/").body == b"own"


def test_a_service_learns_the_true_client_and_nothing_forged(gateway: Gateway) -> None:
    gateway.fetch(
        "/",
        X_Forwarded_For="1.2.3.4",
        X_Forwarded_Host="evil",
        X_Forwarded_Proto="https",
        X_Real_IP="1.2.3.4",
        X_Request_Id="forged",
        X_Gateway_Not_Processed="1",
        X_Gateway_Outcome="unknown",
        X_Accel_Redirect="/x",
        Forwarded="for=1.2.3.4",
    )
    seen = gateway.orders.seen[0]
    assert seen.all("X-Forwarded-For") == seen.all("X-Real-IP") == ["127.0.0.1"]
    assert seen.all("X-Forwarded-Proto") == ["http"]
    assert seen.first("Host") == f"127.0.0.1:{gateway.port}"
    assert re.fullmatch("[0-9a-f]{32}", seen.first("X-Request-Id") or "")
    named = {name.lower() for name, _ in seen.headers}
    assert not named & {"x-forwarded-host", "forwarded", "x-accel-redirect"}
    assert not [name for name in named if name.startswith("x-gateway-")]


def test_the_request_id_is_one_through_retries_in_answer_service_and_log(gateway: Gateway) -> None:
    gateway.orders.script.append(answer(503, b"", "X-Gateway-Not-Processed: 1"))
    got = gateway.fetch("/once-more")
    assert {request.first("X-Request-Id") for request in gateway.orders.seen} == {got.headers["X-Request-Id"]}
    line = gateway.line_of(got)
    assert (line["path"], line["status"], line["upstream"]) == ("/once-more", "200", "orders")
    assert line["attempts"].removeprefix("502 : ") == "503 : 200"  # 502 when it was turned away at the gate first
    assert line["held_ms"] == got.headers["X-Held-Ms"]


def test_the_log_keeps_no_query_and_no_secret_of_a_mailed_link(gateway: Gateway) -> None:
    secret = "s3cret" * 10
    got = gateway.fetch(f"/mail/unsubscribe/{secret}?token={secret}")
    line = gateway.line_of(got)
    assert line["path"] == "/mail/unsubscribe/…"
    gateway.services["notify"].script.append(reset)
    gateway.fetch(f"/mail/unsubscribe/{secret}", "POST", b"")
    assert "s3cret" not in (gateway.folder / "log").read_text() + (gateway.folder / "errors").read_text()


@pytest.mark.parametrize("page", ["reset", "welcome"])
@pytest.mark.parametrize("secret", ["s3cret" * 7, "s3cret", "s3cret%2fs3cret", "s3cret/s3cret", "s3cret%0as3cret"])
def test_a_one_time_link_is_in_no_log_and_is_told_to_nobody(gateway: Gateway, page: str, secret: str) -> None:
    got = gateway.fetch(f"/{page}/{secret}?s3cret=1")
    assert gateway.line_of(got)["path"] == f"/{page}/…"
    assert got.headers["Referrer-Policy"] == "no-referrer"
    gateway.orders.script.append(reset)
    unanswered = gateway.fetch(f"/{page}/{secret}", "POST", b"password=s3cret")
    assert unanswered.status == 502
    assert unanswered.headers["Referrer-Policy"] == "no-referrer"
    assert "s3cret" not in (gateway.folder / "log").read_text() + (gateway.folder / "errors").read_text()


def test_a_service_may_ask_for_no_referrer_but_not_for_more(gateway: Gateway) -> None:
    gateway.orders.script.append(answer(200, b"", "Referrer-Policy: no-referrer"))
    assert gateway.fetch("/some/page").headers["Referrer-Policy"] == "no-referrer"
    gateway.orders.script.append(answer(200, b"", "Referrer-Policy: unsafe-url"))
    assert gateway.fetch("/some/page").headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


def test_what_the_gateway_says_of_itself_is_one_json_line_each(gateway: Gateway) -> None:
    gateway.orders.stop()
    gateway.wait_for("orders", "held")
    lines = [json.loads(line) for line in (gateway.folder / "errors").read_text().splitlines()]
    wanted = {"level": "warning", "service": "gateway", "event": "upstream_down", "upstream": "orders"}
    assert [line for line in lines if wanted.items() <= line.items()]


def _stamp(gateway: Gateway, name: str) -> str:
    """Return a static file's version as orders writes it (`orders.entrypoints.pages.site`)."""
    return hashlib.sha256((gateway.folder / "static" / name).read_bytes()).hexdigest()[:12]


@pytest.mark.parametrize("path", ["/static/site.css?v={}", "/static/site.css?a=b&v={}", "/static/app.0123abcd.js"])
def test_files_with_a_version_are_kept_for_ever(gateway: Gateway, path: str) -> None:
    for how in {}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "br"}:
        got = gateway.fetch(path.format(_stamp(gateway, "site.css")), **how)
        assert got.headers["Cache-Control"] == FOR_EVER


def test_orders_stamps_as_the_gateway_reads_it() -> None:
    """What the gateway calls a version is what orders' pages ask for; a change of one alone would cost every visit."""
    pages = HOME.parent / "services/orders/src/orders/entrypoints/pages/site.py"
    assert "STAMP_CHARACTERS = 12\n" in pages.read_text()
    assert "sha256(file.read_bytes()).hexdigest()[:STAMP_CHARACTERS]" in pages.read_text()


@pytest.mark.parametrize("version", ["1", "0123456789ab", "{}0", "x{}", ""])
def test_a_file_under_the_version_of_another_release_is_not_kept(gateway: Gateway, version: str) -> None:
    """In a deploy new pages are drawn while the old gateway serves the files, and in a rollback the other way round."""
    got = gateway.fetch(f"/static/site.css?v={version.format(_stamp(gateway, 'site.css'))}")
    assert (got.status, got.headers["Cache-Control"]) == (200, "public, no-cache")


def test_a_file_that_was_changed_under_the_gateway_is_not_kept_by_its_old_version(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    path = f"/static/site.css?v={_stamp(gateway, 'site.css')}"
    assert gateway.fetch(path).headers["Cache-Control"] == FOR_EVER
    (gateway.folder / "static/site.css").write_text("body { color: white }\n")
    assert gateway.fetch(path).headers["Cache-Control"] == "public, no-cache"


def test_odd_names_of_static_files_keep_no_gateway_from_starting(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.stop()
    static = gateway.folder / "static"
    for name in ('a"b', "a b", "a;}", "x" * 200, "tr\xe4ge"):
        (static / name).write_text("x")
    (static / "deep/er").mkdir(parents=True)
    (static / "deep/er/a+b~c.js").write_text("export {}\n")
    gateway.start()
    path = "deep/er/a+b~c.js"
    assert gateway.fetch(f"/static/{path}?v={_stamp(gateway, path)}").headers["Cache-Control"] == FOR_EVER


def test_files_without_a_version_are_asked_for_anew(gateway: Gateway) -> None:
    got = gateway.fetch("/static/site.css")
    assert got.headers["Cache-Control"] == "public, no-cache"
    assert got.headers["Content-Type"] == "text/css"
    assert gateway.fetch("/static/site.css", If_None_Match=got.headers["ETag"]).status == 304
    assert gateway.fetch("/static/none.css?v=1").headers["Cache-Control"] == "no-store"


def test_text_is_compressed_for_who_asks(gateway: Gateway) -> None:
    got = gateway.fetch("/static/site.css", Accept_Encoding="gzip")
    assert got.headers["Content-Encoding"] == "gzip"
    assert len(got.body) < 500


@pytest.mark.parametrize(
    ("language", "words"),
    [("en-US,en", "There is nothing here"), ("es-MX, en;q=0.5", "Aquí no hay nada"), ("fr", "There is")],
)
def test_people_get_errors_as_pages_in_their_language(gateway: Gateway, language: str, words: str) -> None:
    got = gateway.fetch("/static/none", Accept="text/html,*/*", Accept_Language=language)
    page = got.body.decode()
    assert got.status == 404
    assert got.headers["Content-Type"] == "text/html; charset=utf-8"
    assert words in page
    assert got.headers["X-Request-Id"] in page
    assert "style=" not in page
    assert "<style" not in page
    assert gateway.fetch("/_gateway/page.css").headers["Content-Type"] == "text/css"


def test_an_interface_gets_problems_even_in_a_browser(gateway: Gateway) -> None:
    gateway.orders.script.append(answer(503))
    got = gateway.fetch("/api/v1/me", Accept="text/html")
    assert got.headers["Content-Type"] == "application/problem+json"
    assert got.json["instance"] == "/api/v1/me"
