"""What follows a mail: its links without a sign-in, a bounce that comes back, and whom mails may reach again."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from urllib.parse import urlsplit

import httpx
import pytest

from tests.driver.api import PASSWORD, Client, limited_offers
from tests.driver.bounces import report
from tests.driver.mailbox import part
from tests.driver.polling import eventually
from tests.driver.system import System
from tests.driver.visitor import Visitor

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
LOG = "/api/v1/notifications"
FORM_BOUND, REPORT_BOUND = 16_384, 1_000_000
READER = "buyer2@mercadito.example"
# Of notify itself, of its framework, and what a lazy rule for /mail/ would let through.
NOT_PUBLIC = [
    *("/mail/", "/mail/metrics", "/mail/healthz", "/mail/readyz", "/mail/openapi.json", "/mail/docs", "/mail/redoc"),
    *("/mail/unsubscribe", "/mail/unsubscribe/", "/mail/preferences/", "/mail/preferences/x/y", "/mail/page.css/x"),
    *("/mail/../metrics", "/mail/%2e%2e/metrics", "/mail//metrics", "/mail/api/v1/notifications", "/mail/gallery/"),
]


@pytest.fixture
def stranger(system: System) -> Iterator[httpx.Client]:
    """A mail scanner, a mail program's server, or a reader who is not signed in."""
    with httpx.Client(base_url=system.url, timeout=40) as http:
        yield http


@pytest.fixture
def price_list(system: System) -> EmailMessage:
    """The mail of the opening day, which one may turn off."""
    mailbox = system.mailbox(all_of_it=True)
    return eventually(
        lambda: [mail for mail in mailbox.new(to=READER, naming="Prices for") if mail["List-Unsubscribe"]],
        within_s=30,
        what="the price list of the opening",
    )[0]


def way_out(mail: EmailMessage) -> str:
    """Return the path of a mail's own unsubscribe link."""
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return urlsplit(str(mail["List-Unsubscribe"]).strip("<>")).path


def choices_page(mail: EmailMessage) -> str:
    """Return the path of the page on which its reader chooses what comes."""
    link = re.search(r"https?://\S+/mail/preferences/\S+", part(mail, "plain"))
    assert link
    return urlsplit(link[0]).path


def is_wanted(stranger: httpx.Client, mail: EmailMessage, kind: str) -> bool:
    page = stranger.get(choices_page(mail))
    assert page.status_code == 200
    tick = re.search(rf'<input type="checkbox" name="kind" value="{kind}"( checked)?>', page.text)
    assert tick, page.text
    return tick[1] is not None


def test_a_scanner_may_open_a_mails_links_and_nothing_changes_until_a_post(
    stranger: httpx.Client, price_list: EmailMessage
) -> None:
    stop = way_out(price_list)
    for path in (stop, f"{stop}?List-Unsubscribe=One-Click", choices_page(price_list)):
        for method in ("GET", "HEAD", "GET"):
            assert stranger.request(method, path).status_code == 200
    assert is_wanted(stranger, price_list, "price_list")
    try:
        answer = stranger.post(stop, data=ONE_CLICK, headers={"Origin": "https://mail.example", "Cookie": ""})
        # RFC 8058: done at once, without a redirect or a cookie.
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert not is_wanted(stranger, price_list, "price_list")
    finally:
        stranger.post(stop, data={"again": "yes"})
    assert is_wanted(stranger, price_list, "price_list")


def test_a_one_click_post_is_held_while_notify_restarts(
    system: System, stranger: httpx.Client, price_list: EmailMessage
) -> None:
    answers: Counter[int] = Counter()
    held = 0
    restart = threading.Thread(target=lambda: system.make("restart", "S=notify"))
    restart.start()
    try:
        while restart.is_alive() or not answers:
            answer = stranger.post(way_out(price_list), data=ONE_CLICK)
            answers[answer.status_code] += 1
            held += "X-Held-Ms" in answer.headers
    finally:
        restart.join()
        stranger.post(way_out(price_list), data={"again": "yes"})
    assert set(answers) == {200}
    assert held > 0


def test_pages_behind_mails_are_kept_by_nobody_and_may_load_nothing_foreign(
    stranger: httpx.Client, price_list: EmailMessage
) -> None:
    for path in (way_out(price_list), choices_page(price_list)):
        page = stranger.get(path)
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Robots-Tag"] == "noindex"
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page.text)
        # Whoever got the mail passed on learns no address by it.
        assert READER not in page.text
    style = re.search(r'href="(/mail/page\.css)\?v=(\w+)"', page.text)
    assert style
    assert "immutable" in stranger.get(f"{style[1]}?v={style[2]}").headers["Cache-Control"]
    assert stranger.get(f"{style[1]}?v=0").headers["Cache-Control"] == "public, no-cache"


@pytest.mark.parametrize("path", NOT_PUBLIC)
def test_nothing_else_is_reached_under_mail(system: System, path: str) -> None:
    with httpx.Client(timeout=40) as http:
        # httpx would resolve the dots itself.
        answer = http.send(http.build_request("GET", system.url, extensions={"target": path.encode()}))
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith(("application/problem+json", "text/html"))
    assert not re.search(
        r"uvicorn|starlette|fastapi|Traceback|python_info", f"{answer.headers}{answer.text}", re.IGNORECASE
    )


def test_bodies_are_bounded(stranger: httpx.Client, price_list: EmailMessage) -> None:
    for path in (way_out(price_list), choices_page(price_list)):
        assert stranger.post(path, data={"again": "x" * FORM_BOUND}).status_code == 413
    assert stranger.post("/mail/bounces", content=b"x" * (REPORT_BOUND + 100_000)).status_code == 413
    assert is_wanted(stranger, price_list, "price_list")


def test_the_way_from_an_account_to_its_mails_and_a_choice_there(visit: Callable[[], Visitor]) -> None:
    visitor = visit()
    away = visitor.http.get("/account/mails")
    assert away.headers["Location"] == "/sign-in?next=%2Faccount%2Fmails"
    assert visitor.sign_in(READER, PASSWORD)
    on = visitor.http.get("/account/mails")
    assert (on.status_code, on.headers["Location"]) == (303, "/mail/preferences?came")
    page = visitor.http.get(on.headers["Location"])
    assert page.status_code == 200
    form = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert form
    fields = {"shown": ["price_list", "reminder"], "kind": ["price_list"]}
    try:
        saved = visitor.http.post(form[1], data=fields)
        assert saved.status_code == 303
        shown = visitor.http.get(saved.headers["Location"]).text
        assert 'value="price_list" checked' in shown
        assert 'value="reminder">' in shown
    finally:
        visitor.http.post(form[1], data={"shown": fields["shown"], "kind": fields["shown"]})


def test_a_bounce_is_seen_holds_the_address_back_and_is_lifted_by_staff(
    system: System, staff: Client, buyers: list[Client], stranger: httpx.Client
) -> None:
    buyer, mailbox = buyers[3], system.mailbox()
    offer = limited_offers(buyer.cycle())[0]
    order = buyer.place({offer["id"]: 1}).json()
    mail = eventually(lambda: mailbox.new(to=buyer.email, naming=str(order["number"])), within_s=20, what="the mail")[0]
    # A mail about an order comes in any case, and nothing in it says otherwise.
    assert mail["List-Unsubscribe"] is None
    assert stranger.get(choices_page(mail)).status_code == 200
    event = {"type": "bounced", "message_id": str(mail["Message-ID"]), "status": "5.1.1", "detail": "no such user"}
    unsigned = stranger.post("/mail/bounces", json={"events": [event]})
    assert unsigned.status_code == 401
    assert report(system, event) == {"taken": 1, "known": 0, "unknown": 0}
    assert report(system, event) == {"taken": 0, "known": 1, "unknown": 0}

    (logged,) = staff.get(f"{LOG}?order_id={order['id']}&fate=undelivered")["items"]
    assert (logged["state"], logged["reason"]) == ("failed", "came back: 5.1.1 no such user")
    eventually(
        lambda: "could not be delivered" in order_page(system, order["id"]), within_s=20, what="a line on the order"
    )
    held = staff.get(f"{LOG}/suppressions?person_id={buyer.me['id']}")["items"][0]
    assert (held["holds"], held["group"], held["cause"]) == (True, "orders", "bounced")
    try:
        buyer.start_afresh()
        eventually(
            lambda: (
                [one["state"] for one in staff.get(f"{LOG}?order_id={order['id']}")["items"]]
                == ["suppressed", "failed"]
            ),
            within_s=20,
            what="the cancellation held back",
        )
    finally:
        lifted = staff.http.post(f"{LOG}/suppressions/{held['id']}/lift", json={"reason": "checked by phone"})
    assert lifted.json()["holds"] is False
    again = buyer.place({offer["id"]: 1}).json()
    eventually(lambda: mailbox.new(to=buyer.email, naming=str(again["number"])), within_s=20, what="mail as before")
    buyer.start_afresh()


def order_page(system: System, order_id: str) -> str:
    """Return an order's page as staff see it before any script has run."""
    visitor = Visitor(system.url)
    with visitor.http:
        assert visitor.sign_in("staff@mercadito.example", PASSWORD)
        return visitor.http.get(f"/orders/{order_id}").text
