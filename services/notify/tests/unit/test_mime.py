"""The short way to a header says the same as the stdlib's policy, and takes the long way where it could not."""

from email import message_from_bytes
from email.headerregistry import Address
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.writing.mime import MAX_LINE_CHARS, header, mailbox, worded

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)


def to(line: bytes) -> list[tuple[str, str]]:
    return [(each.display_name, each.addr_spec) for each in message_from_bytes(line, policy=SMTP)["To"].addresses]


def subject(line: bytes) -> str:
    return str(message_from_bytes(line, policy=SMTP)["Subject"])


@given(NAMES.filter(lambda name: "=?" not in name))
def test_a_name_is_read_as_the_policy_has_it(name: str) -> None:
    address = Address(name, "rosa", "tienda.example")
    written = mailbox("To", address)
    assert written.isascii()
    assert to(written) == to(header("To", address))


@given(NAMES.filter(lambda words: "=?" not in words))
def test_a_subject_is_read_as_the_policy_has_it(words: str) -> None:
    written = worded("Subject", words)
    assert written.isascii()
    assert subject(written) == subject(header("Subject", words))


@pytest.mark.parametrize("name", ["Rosa Peña 17", "Rosa, la güera", 'a "b" c', "", "Li (水果)"])
def test_usual_names_take_the_short_way(name: str) -> None:
    written = mailbox("To", Address(name, "rosa", "tienda.example"))
    assert len(written.splitlines()) == 1
    assert len(written) <= MAX_LINE_CHARS + 2
    assert to(written) == [(name, "rosa@tienda.example")]


@pytest.mark.parametrize("words", ["=?utf-8?q?x?=", "ñ" * 60, "x" * 200, "a\u2003b", " ¡"])
def test_what_could_be_read_otherwise_takes_the_long_way(words: str) -> None:
    assert worded("Subject", words) == header("Subject", words)
    address = Address(words, "rosa", "tienda.example")
    assert mailbox("To", address) == header("To", address)


@pytest.mark.parametrize("words", ["a\r\nBcc: all@example.com", "a\nb"])
def test_a_line_end_makes_no_header(words: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        worded("Subject", words)
    with pytest.raises(ValueError, match=r"."):
        mailbox("To", Address(words, "rosa", "tienda.example"))
