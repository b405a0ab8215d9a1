"""The page of mails from outside: the list, one mail, and what a mail must not do there."""

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

import pytest
from mercadito_demo.mail_page import SHOWN, MailSite

PIXEL = b"\x89PNG\r\n"


@pytest.fixture
def mails(tmp_path: Path, served: Callable[..., Any]) -> Iterator[str]:
    with served(MailSite(("127.0.0.1", 0), tmp_path)) as address:
        yield address


def keep(folder: Path, name: str, subject: str = "Pedido 1001", html: str = "") -> None:
    message = EmailMessage()
    message["To"], message["Subject"] = "ana@store.example", subject
    message.set_content("See https://shop.example/orders/1?a=1&b=2 <now>\n")
    if html:
        message.add_alternative(html, subtype="html")
        message.get_payload()[1].add_related(PIXEL, "image", "png", cid="<chart@mercadito>")
    (folder / name).write_bytes(message.as_bytes())


def get(url: str) -> tuple[str, Message]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def test_the_list_has_the_newest_first_and_leaves_unfinished_ones_out(mails: str, tmp_path: Path) -> None:
    keep(tmp_path, "20261130T100000.000001Z-a.eml", "the first")
    keep(tmp_path, "20261130T100000.000002Z-b.eml", "<b>the second</b>")
    (tmp_path / ".20261130T100000.000003Z-c.eml").write_bytes(b"half")
    page, _ = get(mails)
    assert page.index("&lt;b&gt;the second&lt;/b&gt;") < page.index("the first")
    assert page.count(".eml") == 2
    assert "ana@store.example" in page


def test_the_list_is_bounded(mails: str, tmp_path: Path) -> None:
    for number in range(SHOWN + 1):
        keep(tmp_path, f"20261130T100000.{number:06}Z-x.eml")
    assert get(mails)[0].count("/mails/") == SHOWN


def test_a_mail_is_read_as_text_with_links_and_as_it_came(mails: str, tmp_path: Path) -> None:
    keep(tmp_path, "20261130T100000.000001Z-a.eml")
    page, headers = get(f"{mails}/mails/20261130T100000.000001Z-a.eml")
    assert '<a href="https://shop.example/orders/1?a=1&amp;b=2">' in page
    assert "&lt;now&gt;" in page
    assert "<iframe" not in page
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    raw, headers = get(f"{mails}/mails/20261130T100000.000001Z-a.eml/raw")
    assert raw.startswith("To: ana@store.example")
    assert headers["Content-Type"].startswith("text/plain")


def test_its_html_shows_its_pictures_and_may_run_nothing(mails: str, tmp_path: Path) -> None:
    html = '<html><head></head><body><img src="cid:chart@mercadito"><script>alert(1)</script></body></html>'
    keep(tmp_path, "20261130T100000.000001Z-a.eml", html=html)
    assert "<iframe" in get(f"{mails}/mails/20261130T100000.000001Z-a.eml")[0]
    shown, headers = get(f"{mails}/mails/20261130T100000.000001Z-a.eml/html")
    assert 'src="data:image/png;base64,iVBORw0K"' in shown
    assert '<base target="_blank">' in shown
    policy = headers["Content-Security-Policy"]
    assert "sandbox allow-popups" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy


@pytest.mark.parametrize("path", ["/mails/none.eml", "/mails/..%2f..%2fetc%2fpasswd", "/mails/.x/..%2fa.eml", "/x"])
def test_what_is_no_mail_of_the_folder_is_not_found(mails: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(mails + path)
    with refused.value:
        assert refused.value.code == 404
