"""Accounts, from mail to sign-in: a forgotten password, and the first admin of a fresh system."""

import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from native.settings import full_environment, orders
from native.state import State
from tests.driver.api import PASSWORD, Client
from tests.driver.mailbox import Mailbox, part
from tests.driver.polling import eventually
from tests.driver.system import ROOT, System
from tests.driver.visitor import Visitor

NEW = "aguacates a diez pesos"
OWNER = "buyer5@mercadito.example"


def mailed_path(mailbox: Mailbox, to: str, page: str) -> str:
    """Wait for the mail with the link; return its path, the same in text and HTML."""
    mails = eventually(
        lambda: mailbox.new(to=to, naming=f"/{page}/"), within_s=30, what=f"a mail with a link to {page}"
    )
    link = re.search(rf"https?://\S+/{page}/[\w-]+", part(mails[-1], "plain"))
    assert link
    assert link[0] in part(mails[-1], "html")
    return urlsplit(link[0]).path


@contextmanager
def demo_password_afterwards(system: System, password: str) -> Iterator[None]:
    """Give the demo buyer the well-known password back, whichever of the two it is by then."""
    try:
        yield
    finally:
        with httpx.Client(base_url=system.url, timeout=40) as http:
            made = http.post("/api/v1/tokens", auth=(OWNER, password))
            if made.status_code == 201:
                http.headers["Authorization"] = f"Bearer {made.json()['token']}"
                body = {"current_password": password, "new_password": PASSWORD}
                restored = http.put("/api/v1/me/password", json=body)
                assert restored.status_code == 204, restored.text
        for client in system.clients:
            if client.email == OWNER:  # a reset ended the tokens that other tests go on with
                client.sign_in()


def test_a_forgotten_password_is_replaced_by_a_mailed_link_that_works_once(
    system: System, visit: Callable[[], Visitor]
) -> None:
    before, token, mailbox = visit(), Client(system.url, OWNER), system.mailbox()
    system.clients.append(token)
    assert before.sign_in(OWNER, PASSWORD)
    assert before.is_in()
    asked = [visit().send("/forgot", "/forgot", email=email) for email in (OWNER, "nobody@mercadito.example")]
    assert len({(answer.status_code, answer.headers["Location"]) for answer in asked}) == 1

    path = mailed_path(mailbox, OWNER, "reset")
    visitor = visit()
    page = visitor.http.get(path)
    assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "no-referrer")
    with demo_password_afterwards(system, NEW):
        assert visitor.send(path, path, password="password123").status_code == 422
        assert visitor.send(path, path, password=NEW).status_code == 303
        assert not visitor.is_in()
        assert not before.is_in()
        assert token.http.get("/api/v1/me").status_code == 401
        assert visitor.http.get(path).status_code == 404
        assert not visitor.sign_in(OWNER, PASSWORD)
        assert visitor.sign_in(OWNER, NEW)
        assert visitor.is_in()
        eventually(
            lambda: mailbox.new(to=OWNER, naming="/forgot"),
            within_s=30,
            what="the notice that the password was changed",
        )
    assert visit().sign_in(OWNER, PASSWORD)
    secret = path.rsplit("/", 1)[1]
    told = [file for file in (system.run_dir / "logs").rglob("*") if file.is_file()]
    assert told
    assert [file.name for file in told if secret in file.read_text(errors="replace")] == []


def test_a_sign_out_by_reset_reaches_the_other_services_and_a_new_sign_in_counts_there_at_once(
    system: System, staff: Client
) -> None:
    # The same person, signed out of one token: notify refuses it as orders does; a fresh one is good at once.
    mine = Client(system.url, staff.email)
    system.clients.append(mine)
    assert mine.get("/api/v1/notifications?limit=1")
    [listed] = [token for token in mine.get("/api/v1/tokens?limit=1000")["items"] if token["current"]]
    assert staff.http.delete(f"/api/v1/tokens/{listed['id']}").status_code == 204
    eventually(
        lambda: mine.http.get("/api/v1/notifications?limit=1").status_code == 401, within_s=10, what="notify refuses it"
    )
    assert staff.get("/api/v1/notifications?limit=1")


def test_a_token_for_reading_changes_nothing_in_any_service(system: System, staff: Client) -> None:
    with httpx.Client(base_url=system.url, timeout=40) as http:
        made = http.post("/api/v1/tokens?scope=read&name=reader", auth=(staff.email, PASSWORD))
        assert made.status_code == 201
        http.headers["Authorization"] = f"Bearer {made.json()['token']}"
        assert http.get("/api/v1/notifications?limit=1").status_code == 200
        for path in ("/api/v1/orders", "/api/v1/prices/crawls"):
            assert (path, http.post(path).status_code) == (path, 403)
        assert http.delete("/api/v1/tokens/current").status_code == 204


def test_the_first_admin_comes_in_by_an_invitation_that_a_command_mails(
    system: System, visit: Callable[[], Visitor]
) -> None:
    email, mailbox = f"admin-{uuid.uuid4().hex[:8]}@hub.example", system.mailbox()
    for expected in ("made", "there already"):
        said = invite(system, email)
        assert expected in said
        assert "/welcome/" not in said
    first, second = (urlsplit(link).path for link in welcome_links(mailbox, email))
    visitor = visit()
    stale = [path for path in (first, second) if visitor.http.get(path).status_code == 404]
    assert len(stale) == 1  # the newer link replaced the older one
    path = next(path for path in (first, second) if path not in stale)
    assert visitor.send(path, path, password=NEW).status_code == 303
    assert visitor.sign_in(email, NEW)
    assert visitor.http.get("/staff").status_code == 200
    assert visitor.http.get("/api/v1/me").json()["role"] == "admin"


def invite(system: System, email: str) -> str:
    """Type the command as an operator does; return what it prints."""
    done = subprocess.run(
        [ROOT / "services/orders/.venv/bin/orders", "invite-admin", email, "--name", "Rosa Delgado"],
        env=full_environment(orders(State(system.run_dir, system.port))),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def welcome_links(mailbox: Mailbox, email: str) -> list[str]:
    """Wait for both invitations; return their links."""

    def links() -> list[str] | None:
        texts = [part(mail, "plain") for mail in mailbox.new(to=email, naming="/welcome/")]
        found = [link[0] for text in texts if (link := re.search(r"https?://\S+/welcome/[\w-]+", text))]
        return found if len(found) > 1 else None

    return eventually(links, within_s=30, what="two invitations") or []
