import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from notify.errors import Unrenderable
from notify.recipients.contacts import Contact
from notify.sending.smtp import Envelope, stuffed
from notify.writing.mail import Sender, again, compose, message_id
from notify.writing.rendering import Picture, Words

AT = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
SENDER = Sender.parse("Mercadito <orders@mercadito.example>")
ID = message_id("order_confirmation:1:p1", "mail.mercadito.example")


def composed(words: Words | None = None, *, name: str = "Rosa Peña", address: str = "rosa@tienda.example") -> Envelope:
    words = words or Words("Su pedido", "Hola, señora:\n.punto\n", "<p>Jitomate · 水果</p>")
    return compose(words, sender=SENDER, reader=Contact("p1", address, name, "es"), message_id=ID, at=AT)


def read(envelope: Envelope) -> EmailMessage:
    return email.message_from_bytes(envelope.raw, policy=email.policy.default)


def test_the_id_follows_from_what_the_mail_is_about() -> None:
    assert message_id("a", "x.example") == message_id("a", "x.example")
    assert message_id("a", "x.example") != message_id("b", "x.example")
    assert message_id("a", "x.example").endswith("@x.example>")


def test_a_mail_has_both_forms_and_goes_through_any_relay() -> None:
    envelope = composed()
    envelope.raw.decode("ascii")
    assert max(len(line) for line in envelope.raw.split(b"\r\n")) <= 998
    assert b"\n" not in envelope.raw.replace(b"\r\n", b"")
    mail = read(envelope)
    text, html = mail.iter_parts()
    assert mail.get_content_type() == "multipart/alternative"
    assert text.get_content().splitlines() == ["Hola, señora:", ".punto"]
    assert "Jitomate · 水果" in html.get_content()
    assert mail["Message-ID"] == ID
    assert mail["Auto-Submitted"] == "auto-generated"
    assert str(mail["Date"]) == "Sat, 21 Nov 2026 18:00:00 +0000"


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 60_000])
def test_a_picture_stands_beside_the_html_that_shows_it(size: int) -> None:
    picture = Picture(bytes(number % 251 for number in range(size)))
    envelope = composed(Words("Precios", "Hola\n", f'<img src="cid:{picture.content_id}">', picture))
    envelope.raw.decode("ascii")
    assert max(len(line) for line in envelope.raw.split(b"\r\n")) <= 998
    assert b"\n" not in envelope.raw.replace(b"\r\n", b"")
    text, related = read(envelope).iter_parts()
    html, shown = related.iter_parts()
    assert (text.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    assert related.get_param("type") == html.get_content_type() == "text/html"
    assert shown["Content-ID"] == f"<{picture.content_id}>"
    assert shown["Content-Disposition"].content_disposition == "inline"
    assert shown.get_content() == picture.png


@pytest.mark.parametrize(
    "name", ['Rosa "la güera" <x@y>', "a, b", "(comment)", "=?utf-8?q?x?=", "O'Neil; DROP", "x" * 500]
)
def test_a_name_is_quoted_not_believed(name: str) -> None:
    mail = read(composed(name=name))
    (to,) = mail["To"].addresses
    assert to.addr_spec == "rosa@tienda.example"
    assert len(mail["To"].addresses) == 1


@pytest.mark.parametrize("name", ["Rosa\r\nBcc: all@example.com", "Rosa\nX-Evil: 1", "Rosa\r"])
def test_a_line_end_in_a_name_makes_no_header(name: str) -> None:
    with pytest.raises(Unrenderable):
        composed(name=name)


@pytest.mark.parametrize("subject", ["a\r\nBcc: all@example.com", "a\nb"])
def test_a_line_end_in_a_subject_makes_no_header(subject: str) -> None:
    with pytest.raises(Unrenderable):
        composed(Words(subject, "x\n", "<p>x</p>"))


@pytest.mark.parametrize(
    "address",
    ["a@b,c@d", "no-at", "@x.example", "a@", "a b@x.example", "a@x.example\r\nRCPT TO:<b@x>", "<a@x.example>",
     "ñ@x.example", "a@" + "x" * 70 + ".example", "a" * 250 + "@x.example", "a@x..example", "a>@x.example", ""],
)  # fmt: skip
def test_an_address_that_cannot_be_written_to_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(Unrenderable) as caught:
        composed(address=address)
    assert not address or address not in str(caught.value)


def test_a_domain_in_another_script_gets_its_ascii_form() -> None:
    assert composed(address="rosa@peña.example").recipient == "rosa@xn--pea-8ma.example"


def test_the_same_bytes_know_their_envelope() -> None:
    envelope = composed()
    assert again(envelope.raw) == envelope


def test_lines_that_start_with_a_dot_are_doubled_on_the_wire() -> None:
    assert stuffed(b".a\r\nb.\r\n..\r\n") == b"..a\r\nb.\r\n...\r\n"
    assert stuffed(b"no line end") == b"no line end\r\n"


@pytest.mark.parametrize("text", ["", "nobody", "a@b\r\nc", "<>"])
def test_a_sender_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Sender.parse(text)
