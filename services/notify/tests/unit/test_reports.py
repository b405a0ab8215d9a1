"""Reports about mails that came back, as mail servers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.recipients import reports
from notify.recipients.reports import Report
from notify.recipients.return_path import ReturnPath
from notify.recipients.signing import Signer

PATH = ReturnPath.parse("bounces@mail.mercadito.example", Signer("the key of the tests, long enough"))
MINE = PATH.of(42, "<m@x>")


def dsn(action: str = "failed", status: str = "5.1.1", to: str = MINE) -> bytes:
    return f"""From: MAILER-DAEMON@relay.example
To: <{to}>
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example

Final-Recipient: rfc822; rosa@tienda.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 <rosa@tienda.example>: no such user

--b
Content-Type: message/rfc822

From: orders@mercadito.example
Subject: hello

--b--
""".encode()


def complaint(mail_from: str = MINE) -> bytes:
    return f"""From: fbl@provider.example
To: <abuse@mercadito.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1.0
Version: 1
Original-Mail-From: <{mail_from}>

--b
Content-Type: message/rfc822

From: orders@mercadito.example
Subject: hello

--b--
""".encode()


def test_a_delivery_status_says_what_happened_without_the_address() -> None:
    found = reports.read(dsn())
    assert found is not None
    assert (found.what, found.status) == ("bounced", "5.1.1")
    assert found.detail == "smtp; 550 5.1.1 <[address]>: no such user"
    assert MINE in found.returned_to


@pytest.mark.parametrize(
    ("action", "status", "what"),
    [
        ("failed", "5.2.2", "bounced"),
        ("FAILED", "5.0.0", "bounced"),
        ("failed", "4.4.7", "bounced"),
        ("failed", "4.4.1", "bounced"),
        ("delayed", "4.4.1", "delayed"),
        ("delivered", "2.0.0", None),
        ("relayed", "2.0.0", None),
        ("failed", "nonsense", None),
    ],
)
def test_only_a_failure_for_good_is_a_bounce(action: str, status: str, what: str | None) -> None:
    found = reports.read(dsn(action, status))
    assert (found and found.what) == what


def test_a_complaint_names_its_mail_by_where_it_was_sent_from() -> None:
    found = reports.read(complaint())
    assert isinstance(found, Report)
    assert found.what == "complained"
    assert MINE in found.returned_to


def test_whom_it_came_to_may_be_told_by_the_mail_server_alone() -> None:
    found = reports.read(dsn(to="someone@else.example"), MINE)
    assert found is not None
    assert found.returned_to[0] == MINE


@pytest.mark.parametrize("raw", [b"", b"\0", b"Subject: out of office\r\n\r\nI am away.", dsn()[:200]])
def test_what_is_no_report_is_none(raw: bytes) -> None:
    assert reports.read(raw) is None


@given(st.binary(max_size=400), st.integers(0, 900))
def test_no_bytes_make_it_stumble(noise: bytes, at: int) -> None:
    raw = dsn()
    reports.read(raw[:at] + noise + raw[at:])


def test_an_address_that_we_made_is_known_in_any_case() -> None:
    for address in (MINE, MINE.upper(), f"<{MINE}>"):
        found = PATH.read(address)
        assert found is not None
        assert found.mail_id == 42
        assert PATH.is_ours(found, "<m@x>")
        assert not PATH.is_ours(found, "<other@x>")
    assert len(PATH.of(2**63 - 1, "<m@x>").partition("@")[0]) <= 64


@pytest.mark.parametrize(
    "address",
    ["", "bounces@mail.mercadito.example", "bounces+1@mail.mercadito.example", MINE.replace("bounces", "other"),
     MINE.replace("mail.", "evil."), MINE.replace("+42-", "+042-"), MINE.replace("+42-", f"+{'9' * 30}-"),
     MINE.replace("+42-", f"+{2**63}-")],
)  # fmt: skip
def test_other_addresses_are_not_ours(address: str) -> None:
    assert PATH.read(address) is None


def test_a_guessed_signature_is_not_right() -> None:
    found = PATH.read(f"bounces+42-{'a' * 16}@mail.mercadito.example")
    assert found is not None
    assert not PATH.is_ours(found, "<m@x>")
