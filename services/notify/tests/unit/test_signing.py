import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.kinds import kinds
from notify.recipients.links import Links, unsubscribe_headers
from notify.recipients.signing import Signer

OLD, NEW = "an older key that is long enough", "the key of today, long enough"
LINKS = Links("https://mercadito.example", Signer(NEW))
IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=100)


@given(IDS, IDS)
def test_what_was_signed_is_read_back_and_fits_a_path(person: str, kind: str) -> None:
    token = Signer(NEW).token("unsubscribe", person, kind)
    assert Signer(NEW).parts("unsubscribe", token) == (person, kind)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    # The gateway's log leaves out segments of 40 characters and more.
    assert len(token) > 40


def test_a_token_is_good_for_its_purpose_alone() -> None:
    assert Signer(NEW).parts("unsubscribe", Signer(NEW).token("preferences", "p1")) is None
    assert LINKS.person_of(LINKS.unsubscribe_path("p1", "reminder").rpartition("/")[2]) is None
    assert LINKS.person_and_kind_of(LINKS.preferences_path("p1").rpartition("/")[2]) is None


def test_the_links_of_a_replaced_key_work_until_it_is_taken_out() -> None:
    token = Signer(OLD).token("preferences", "p1")
    assert Signer(NEW, [OLD]).parts("preferences", token) == ("p1",)
    assert Signer(NEW).parts("preferences", token) is None
    assert Signer(NEW, [OLD]).token("preferences", "p1") == Signer(NEW).token("preferences", "p1")


@pytest.mark.parametrize("spoilt", ["", ".", "a.b", "x" * 2_000, "ñ" * 50, "a" * 50 + "." + "b" * 43])
def test_what_is_no_token_says_nothing(spoilt: str) -> None:
    assert Signer(NEW).parts("preferences", spoilt) is None


def test_no_letter_of_a_token_can_be_changed() -> None:
    token = Signer(NEW).token("preferences", "person-1")
    for place, letter in enumerate(token):
        other = "A" if letter != "A" else "B"
        changed = f"{token[:place]}{other}{token[place + 1 :]}"
        assert Signer(NEW).parts("preferences", changed) is None


def test_a_short_signature_survives_a_change_of_case() -> None:
    mac = Signer(OLD).short("bounce", "42")
    assert len(mac) == 16
    assert Signer(NEW, [OLD]).is_short("bounce", "42", mac.upper())
    assert not Signer(NEW, [OLD]).is_short("bounce", "43", mac)
    assert not Signer(NEW).is_short("bounce", "42", mac)
    assert not Signer(NEW).is_short("bounce", "42", "ñ")


def test_a_key_shows_in_no_trace() -> None:
    assert NEW not in repr(LINKS)
    assert base64.b64encode(NEW.encode()).decode() not in repr(LINKS)


def test_mails_that_come_in_any_case_have_no_link_to_stop_them() -> None:
    reset = LINKS.of("p1", kinds()["password_reset"])
    assert reset.unsubscribe == ""
    assert unsubscribe_headers(reset) == {}
    assert reset.preferences.startswith("https://mercadito.example/mail/preferences/")
