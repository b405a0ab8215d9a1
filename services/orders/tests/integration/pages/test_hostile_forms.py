"""Whatever is typed into whatever field of whatever page: no failure, nothing drawn unescaped, nothing half stored.

The pages are found by their routes and the forms by reading the pages, so a field added tomorrow is tested tomorrow.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from mercadito_events.testing.exploring import EXPLORING

from tests.integration.pages.conftest import Browser, Form, Page, Reader
from tests.integration.route_rights import ROUTES, May
from tests.integration.scene import Scene, new_session, scene

__all__ = ["scene"]

HOSTILE = (
    "",
    "\x00",
    "a\x00b\x07\x1b[31m",
    "one\r\nBcc: victim@example.org\r\n\r\nbody",
    "\u202egnp.exe\u2066\u200d\ufeff",
    "e" + "\u0301" * 300,
    "<svg onload=alert(1)>",
    "\"'><script>alert(1)</script>",
    "{{7*7}} ${7*7} %s %(name)s {0}",
    "'; DROP TABLE orders; --",
    "javascript:alert(1)",
    "../../etc/passwd%00",
    "=1+1",
    "\uff11\uff12",
    "-1",
    "1e400",
    "99999999999999999999",
    "2026-02-30T25:61",
    "0001-01-01T00:00",
    "9999-12-31T23:59",
    "00000000-0000-0000-0000-000000000000",
    "ñ" * 3_000,
)
NEVER_DRAWN = ("<svg onload", "<script>alert", 'href="javascript:', "\x00", "\x07")
LEFT_ALONE = ("/sign-out",)


def reachable(scene: Scene, who: str) -> Iterator[str]:
    """Return the addresses of the pages that somebody may see."""
    for route, may in sorted(ROUTES.items()):
        method, rule = route.split(" ", 1)
        if method == "GET" and not rule.startswith("/api/") and who in may.value:
            yield scene.address(who, rule)


def some_of(turn: int) -> tuple[str, ...]:
    """Return every third text, others at the next turn: all texts and all forms are tried; exploring, all with all."""
    return HOSTILE if EXPLORING else HOSTILE[turn % 3 :: 3]


def fresh(scene: Scene, who: str) -> Browser:
    """Return a browser with a session of its own: what a form does to one does not end the test."""
    browser = Browser(scene.app.test_client())
    if who in scene.actors:
        browser.client.set_cookie("mercadito_session", new_session(scene.world, scene.actors[who]))
    return browser


def sent(browser: Browser, form: Form, text: str) -> Page:
    fields = {**form.fields, **dict.fromkeys(form.shown, text)}
    if form.method == "get":
        answer = browser.client.get(form.action or "/", query_string=fields, follow_redirects=True)
    else:
        answer = browser.client.post(form.action, data=fields, follow_redirects=True)
    return Page(answer.status_code, answer.text, answer.headers, form.action)


def check(page: Page, told: object) -> None:
    assert page.status < 500, told
    if page.headers["Content-Type"].startswith("text/html"):
        read = Reader(page.html)
        assert read.unbalanced == [], told
        assert not [bad for bad in NEVER_DRAWN if bad in page.html], told


@pytest.mark.parametrize("who", ["nobody", "owner", "staff", "admin"])
def test_no_field_of_any_page_is_harmed_by_what_is_typed_into_it(scene: Scene, world: Any, who: str) -> None:
    tried = set()
    for path in list(reachable(scene, who)):
        first = fresh(scene, who).get(path)
        check(first, path)
        for place, form in enumerate(Reader(first.html).forms):
            bare = form.action.split("?")[0] or path
            if not form.shown or bare in LEFT_ALONE or (bare, tuple(sorted(form.shown))) in tried:
                continue
            tried.add((bare, tuple(sorted(form.shown))))
            for text in some_of(len(tried)):
                # Drawn anew each time: a form holds a version, a key and a token that are good once.
                browser = fresh(scene, who)
                again = Reader(browser.get(path).html).forms
                if place < len(again):
                    check(sent(browser, again[place], text), (path, form.action, text))
    assert tried
    for path in reachable(scene, who):
        check(fresh(scene, who).get(path), path)
    assert world.broken_offers() == []


def test_no_address_is_harmed_by_what_is_asked(scene: Scene, app: Flask) -> None:
    for turn, path in enumerate(reachable(scene, "admin")):
        for text in some_of(turn):
            query = dict.fromkeys(("q", "category", "page", "cursor", "store", "next", "state", "done", "fill"), text)
            answer = fresh(scene, "admin").client.get(path, query_string=query, follow_redirects=True)
            check(Page(answer.status_code, answer.text, answer.headers, path), (path, text))


def test_the_table_of_pages_is_not_empty() -> None:
    assert sum(may is May.STAFF for route, may in ROUTES.items() if route.startswith("GET /staff")) > 1
