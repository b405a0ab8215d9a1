"""``notify self-test`` from outside: what an operator reads when all is well, and when something is not."""

import email
import email.policy
import json
import random
import time
from pathlib import Path

import pytest
from certificates import certificate, served
from faulty_relay import FaultyRelay
from name_server import SERVFAIL, SILENCE, NameServer
from notify.queueing import pause, switch
from self_test import SelfTest
from signed import is_valid, pem, rsa_key, signer
from sqlalchemy import Engine


def test_when_all_is_well_each_check_says_so_in_one_line_and_no_mail_is_sent(
    self_test: SelfTest, relay: FaultyRelay
) -> None:
    assert self_test.run() == 0, self_test.printed
    assert self_test.printed.splitlines()[0] == "✓ settings: can be read, mails are sent to all"
    assert self_test.line("database") == "✓ database: answers"
    assert self_test.line("queue") == "✓ queue: flows"
    assert self_test.line("relay primary, name") == "✓ relay primary, name: 127.0.0.1 is 127.0.0.1"
    for what in ("connection", "greeting", "sign-in", "sender"):
        assert self_test.line(f"relay primary, {what}").startswith("✓")
    assert "for another 63 days" in self_test.line("relay primary, TLS")
    assert "takes us as mail.mercadito.example" in self_test.line("relay primary, greeting")
    assert "takes mail from orders@mercadito.example (250 ok)" in self_test.line("relay primary, sender")
    assert self_test.line("EHLO name").startswith("✓")
    assert self_test.line("DKIM") == "✓ DKIM: 2026a._domainkey.mercadito.example holds our key"
    assert self_test.line("DMARC").startswith("✓ DMARC: _dmarc.mercadito.example says p=reject; DKIM and SPF speak for")
    # From where a relay on this machine sends on is not to be known from here.
    assert self_test.line("SPF").startswith("! SPF: mercadito.example has 'v=spf1 ip4:192.0.2.0/24 -all'")
    assert relay.taken == []
    assert "word-of-the-relay" not in self_test.printed + self_test.progress
    assert "relay primary" in self_test.progress


def test_operators_programs_read_it_as_json(self_test: SelfTest, names: NameServer) -> None:
    told = self_test.as_json()
    assert told["ok"] is True
    assert {check["result"] for check in told["checks"]} == {"ok", "warning"}
    names.txt("_dmarc.mercadito.example", "v=DMARC1; p=none", "v=DMARC1; p=reject")
    told = self_test.as_json()
    assert told["ok"] is False
    (bad,) = [check for check in told["checks"] if check["result"] == "problem"]
    assert (bad["check"], bad["todo"]) == ("DMARC", "leave one")


def test_settings_that_cannot_be_used_are_told_and_nothing_is_tried(self_test: SelfTest, relay: FaultyRelay) -> None:
    assert self_test.run(MAIL_FROM="nobody", DKIM_SELECTOR="") == 1
    lines = self_test.printed.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("✗ settings: ") for line in lines)
    assert relay.connections == 0


def test_without_the_database_everything_else_is_checked(self_test: SelfTest, relay: FaultyRelay) -> None:
    code = self_test.run("--to", "rosa@tienda.example", DATABASE_URL="postgresql://notify@127.0.0.1:1/notify")
    assert code == 1
    assert self_test.line("database").startswith("✗ database: does not answer (OperationalError): mails wait in it")
    assert self_test.line("relay primary, sender").startswith("✓")
    assert self_test.line("test mail").startswith("✓")
    assert len(relay.taken) == 1


def test_what_holds_the_queue_is_told(self_test: SelfTest, engine: Engine) -> None:
    with engine.begin() as connection:
        switch.throw(connection, held=True, reason="a wrong text", person_id="person-1")
        pause.pause(connection, pause.PRIMARY, "535 to sign-in: wrong", random.Random(1))
    assert self_test.run(MAIL_MODE="hold", MAIL_HOLD_EXCEPT="rosa@tienda.example") == 0
    lines = self_test.printed.splitlines()
    assert lines[0].startswith("! settings: MAIL_MODE=hold: nothing leaves but to 1 address")
    assert "! queue: is held by staff: a wrong text → let it flow again at /staff/mails" in lines
    assert any("relay primary had 1 faults in a row, the last: 535 to sign-in: wrong" in line for line in lines)


@pytest.mark.parametrize(
    ("script", "check", "says", "todo"),
    [
        ("drop_before_greeting", "greeting", "IncompleteReadError", "MAIL_MESSAGE_ID_DOMAIN"),
        ("greeting_554", "greeting", "554 to the greeting", "its operator knows why"),
        ("accept", "TLS", "does not offer it", "SMTP_PORT"),
    ],
)
def test_a_relay_that_turns_us_away_is_told_with_the_step_that_failed(  # noqa: PLR0917 - fixtures
    self_test: SelfTest, relay: FaultyRelay, script: str, check: str, says: str, todo: str
) -> None:
    relay.scripts = [script]
    assert self_test.run() == 1
    line = self_test.line(f"relay primary, {check}")
    assert line.startswith("✗")
    assert says in line
    assert todo in line.partition(" → ")[2]
    assert "relay primary, sender" not in self_test.printed
    assert self_test.line("DKIM").startswith("✓")


@pytest.mark.parametrize(
    ("script", "check", "says", "todo"),
    [
        ("auth_535", "sign-in", "535 to sign-in", "SMTP_USER and SMTP_PASSWORD_FILE"),
        ("mail_553", "sender", "553 to MAIL", "orders@mercadito.example"),
        ("hang_before_greeting", "greeting", "TimeoutError", ""),
    ],
)
def test_a_relay_that_refuses_us_or_hangs_is_told(  # noqa: PLR0917 - fixtures
    self_test: SelfTest, relay: FaultyRelay, script: str, check: str, says: str, todo: str
) -> None:
    relay.scripts = [script]
    began = time.monotonic()
    # Without encryption no password may leave, so this relay is said to be on this machine, which it is.
    assert self_test.run(SMTP_STARTTLS="off") == 1
    assert time.monotonic() - began < 20
    line = self_test.line(f"relay primary, {check}")
    assert line.startswith("✗")
    assert says in line
    assert todo in line


@pytest.mark.parametrize(
    ("name", "days", "says", "todo"),
    [
        ("127.0.0.1", -1, "certificate has expired", "must renew the certificate"),
        ("mail.elsewhere.example", 90, "is not valid for '127.0.0.1'", "SMTP_HOST must be a name"),
    ],
)
def test_a_bad_certificate_is_told_with_what_is_wrong_with_it(  # noqa: PLR0917 - fixtures
    self_test: SelfTest, relay: FaultyRelay, tmp_path: Path, name: str, days: float, says: str, todo: str
) -> None:
    relay.tls = served(certificate(tmp_path, name=name, days=days))
    assert self_test.run() == 1
    line = self_test.line("relay primary, TLS")
    assert line.startswith("✗")
    assert says in line
    assert todo in line


def test_a_certificate_that_nobody_vouches_for_and_one_that_ends_soon_are_told(
    self_test: SelfTest, relay: FaultyRelay, tmp_path: Path
) -> None:
    relay.tls = served(certificate(tmp_path, called="stranger"))
    assert self_test.run() == 1
    assert "SSL_CERT_FILE" in self_test.line("relay primary, TLS")
    relay.tls = served(certificate(tmp_path, days=3.5))
    assert self_test.run() == 0
    line = self_test.line("relay primary, TLS")
    assert line.startswith("!")
    assert "another 3 days" in line


def test_a_relay_of_an_unknown_name_or_port_is_told(self_test: SelfTest, relay: FaultyRelay) -> None:
    for name in ("relay.invalid", "relay..example"):
        assert self_test.run(SMTP_HOST=name) == 1
        assert self_test.line("relay primary, name").startswith(f"✗ relay primary, name: {name} has no address")
    relay.stop()
    assert self_test.run() == 1
    line = self_test.line("relay primary, connection")
    assert "cannot be reached" in line
    assert "SMTP_PORT" in line


def test_the_second_relay_is_checked_as_the_first_is(self_test: SelfTest, relay: FaultyRelay) -> None:
    other = FaultyRelay(scripts=["auth_535"])
    other.start()
    second = {"SMTP_SECOND_HOST": "127.0.0.1", "SMTP_SECOND_PORT": str(other.port), "SMTP_SECOND_STARTTLS": "off"}
    try:
        assert self_test.run(**second, SMTP_SECOND_USER="hub", SMTP_SECOND_PASSWORD="wrong") == 1
    finally:
        other.stop()
    assert self_test.line("relay primary, sender").startswith("✓")
    assert self_test.line("relay secondary, TLS") == "✓ relay secondary, TLS: none, on this machine"
    assert "SMTP_SECOND_USER" in self_test.line("relay secondary, sign-in")


def test_one_real_mail_is_sent_on_request_as_all_mails_are_and_the_relays_answer_is_shown(
    self_test: SelfTest, relay: FaultyRelay, engine: Engine
) -> None:
    bounces = {"MAIL_BOUNCE_ADDRESS": "bounces@mail.mercadito.example"}
    self_test.names.records["mail.mercadito.example", "MX"] = ["10 mail.mercadito.example."]
    self_test.names.txt("mail.mercadito.example", "v=spf1 a -all")
    with engine.begin() as connection:
        switch.throw(connection, held=True, reason="held", person_id="person-1")
    assert self_test.run("--to", "rosa@tienda.example", **bounces) == 0, self_test.printed
    assert self_test.line("test mail") == "✓ test mail: taken by relay primary: 250 taken"
    (taken,) = relay.taken
    assert (taken.recipient, taken.sender.split("-")[0]) == ("rosa@tienda.example", "bounces+0")
    assert is_valid(taken.raw, signer())
    mail = email.message_from_bytes(taken.raw, policy=email.policy.default)
    words = mail.get_body(("plain",)).get_content()
    assert "This is a test." in words
    assert "Esto es una prueba." in words
    assert "rosa" not in self_test.printed


@pytest.mark.parametrize(
    ("arguments", "changes", "says"),
    [
        (["--to", "nobody"], {}, "✗ test mail: not sent: this is no address"),
        (["--to", "rosa@tienda.example"], {"MAIL_MODE": "hold"}, "✗ test mail: MAIL_MODE=hold lets nothing out"),
        (
            ["--to", "rosa@tienda.example"],
            {"SMTP_HOST": "relay.invalid"},
            "✗ test mail: not sent: no relay can be used",
        ),
    ],
)
def test_a_test_mail_that_cannot_be_sent_says_why(
    self_test: SelfTest, relay: FaultyRelay, arguments: list[str], changes: dict[str, str], says: str
) -> None:
    assert self_test.run(*arguments, **changes) == 1
    assert self_test.line("test mail").startswith(says)
    assert relay.taken == []


def test_a_test_mail_that_the_relay_refuses_or_does_not_answer_is_told(self_test: SelfTest, relay: FaultyRelay) -> None:
    plain = {"SMTP_STARTTLS": "off", "SMTP_USER": ""}
    relay.scripts = ["rcpt_550"]
    assert self_test.run("--to", "rosa@tienda.example", **plain) == 1
    assert "550 to RCPT" in self_test.line("test mail")
    relay.scripts = ["drop_after_dot"]
    assert self_test.run("--to", "rosa@tienda.example", **plain) == 0
    assert self_test.line("test mail").startswith("! test mail: relay primary did not answer")


def test_a_dns_that_is_silent_or_fails_ends_in_time_and_is_no_missing_record(
    self_test: SelfTest, names: NameServer
) -> None:
    names.troubles = {"mercadito.example": SERVFAIL, "2026a._domainkey.mercadito.example": SILENCE}
    assert self_test.run() == 1
    assert self_test.line("SPF").startswith("✗ SPF: cannot be known: the DNS server failed or refused")
    assert self_test.line("DKIM").startswith("✗ DKIM: cannot be known: no answer about 2026a._domainkey")
    assert self_test.line("DMARC").startswith("✓")


def test_a_key_that_was_changed_here_but_not_in_the_dns_is_told_with_the_record_to_publish(
    self_test: SelfTest, tmp_path: Path
) -> None:
    (tmp_path / "dkim.pem").write_bytes(pem(rsa_key(3072)))
    assert self_test.run() == 1
    line = self_test.line("DKIM")
    assert "holds another key than DKIM_KEY_FILE" in line
    assert signer(rsa_key(3072)).record in line


@pytest.mark.parametrize("arguments", [["--resolver", "dns.example:53"], ["--resolver", "53"], ["--timeout", "0"]])
def test_options_that_make_no_sense_are_refused(self_test: SelfTest, arguments: list[str]) -> None:
    assert self_test.run(*arguments) == 2
    assert "usage: notify self-test" in self_test.progress
    assert json.dumps(self_test.printed) == '""'
