import base64
import hashlib
import hmac
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm
from mercadito_events.envelope import MalformedEvent, new_event
from mercadito_events.service import identity
from mercadito_events.service.identity import Identity, KeySet, Revocations, Unauthenticated

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def jwk(key: Ed25519PrivateKey, kid: str) -> dict[str, Any]:
    return json.loads(OKPAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "alg": "EdDSA", "use": "sig"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk(KEY, "k1")]}))
    return path


def claims(**changes: Any) -> dict[str, Any]:
    good = {
        "iss": "mercadito",
        "sub": "p1",
        "role": "buyer",
        "stores": ["s1"],
        "aud": "web",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(minutes=10)).timestamp()),
        "jti": "j1",
        "sid": "session-1",
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


def token(key: Any = KEY, algorithm: str = "EdDSA", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, {"kid": "k1"} | (headers or {}))


def test_a_good_token_names_its_bearer(file: Path) -> None:
    got = KeySet(file).verify(token(), {"web"}, now=NOW)
    assert got == Identity("p1", "buyer", ("s1",), "web", "j1", "session-1", NOW + timedelta(minutes=10), NOW)


def test_a_ticket_made_from_an_api_token_goes_by_that_tokens_id(file: Path) -> None:
    got = KeySet(file).verify(token(aud="realtime", tid="api-token", sid=...), {"realtime"}, now=NOW)
    assert (got.token_id, got.session_id) == ("api-token", None)


def test_a_token_made_for_reading_may_not_change_things_and_one_that_says_nothing_may(file: Path) -> None:
    keys = KeySet(file)
    reading = keys.verify(token(scope="read"), {"web"}, now=NOW)
    both = keys.verify(token(scope="read write"), {"web"}, now=NOW)
    older = keys.verify(token(), {"web"}, now=NOW)
    assert [each.may("GET") for each in (reading, both, older)] == [True, True, True]
    assert [each.may("POST") for each in (reading, both, older)] == [False, True, True]


@pytest.mark.parametrize("scope", [7, [], ["write"], ""])
def test_a_scope_that_is_no_text_proves_nothing(file: Path, scope: object) -> None:
    with pytest.raises(Unauthenticated):
        KeySet(file).verify(token(scope=scope), {"web"}, now=NOW)


def test_what_is_issued_right_after_a_sign_out_of_everything_counts(file: Path) -> None:
    signed_out_at = NOW + timedelta(milliseconds=200)
    revoked = Revocations()
    revoked.add("p1", None, None, datetime.now(UTC) + timedelta(days=1), at=signed_out_at)
    before, after = (
        KeySet(file).verify(token(iat=(signed_out_at + timedelta(milliseconds=ms)).timestamp()), {"web"}, now=NOW)
        for ms in (-100, 100)
    )
    assert (revoked.allows(before), revoked.allows(after)) == (False, True)


def forged() -> dict[str, str]:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    mac = base64.urlsafe_b64encode(hmac.new(public, head + b"." + body, hashlib.sha256).digest()).rstrip(b"=")
    unsigned = jwt.encode(claims(), None, "none", {"kid": "k1"})
    good = token()
    return {
        "signed by another key": token(OTHER),
        "not signed": unsigned,
        "public key taken for a shared secret": b".".join([head, body, mac]).decode(),
        "claims exchanged": ".".join([good.split(".")[0], body.decode()[:-2] + "AA", good.split(".")[2]]),
        "unknown key id": token(headers={"kid": "k9"}),
        "key brought along": token(OTHER, headers={"jwk": jwk(OTHER, "k1")}),
        "critical extension": token(headers={"crit": ["b64"], "b64": True}),
        "another issuer": token(iss="someone"),
        "no issuer": token(iss=...),
        "another audience": token(aud="api"),
        "several audiences": token(aud=["web", "api"]),
        "no audience": token(aud=...),
        "no expiry": token(exp=...),
        "no time of issue": token(iat=...),
        "no id": token(jti=...),
        "no subject": token(sub=...),
        "empty subject": token(sub=""),
        "unknown role": token(role="root"),
        "stores are a text": token(stores="s1"),
        "stores are numbers": token(stores=[1]),
        "too many stores": token(stores=["s"] * 501),
        "session is a number": token(sid=7),
        "expiry is not a time": token(exp=10**30),
        "expired": token(exp=int((NOW - timedelta(seconds=61)).timestamp())),
        "from the future": token(iat=int((NOW + timedelta(seconds=61)).timestamp())),
        "too long": token() + "A" * 10_000,
        "empty": "",
        "not a token": "a.b.c",
        "dots": "....",
        "not ASCII": "ñ.ñ.ñ",
    }


@pytest.mark.parametrize("how", list(forged()))
def test_a_token_that_proves_nothing_is_refused(file: Path, how: str) -> None:
    with pytest.raises(Unauthenticated):
        KeySet(file).verify(forged()[how], {"web"}, now=NOW)


def test_clocks_may_differ_by_a_minute(file: Path) -> None:
    keys = KeySet(file)
    keys.verify(token(exp=int((NOW - timedelta(seconds=59)).timestamp())), {"web"}, now=NOW)
    keys.verify(token(iat=int((NOW + timedelta(seconds=59)).timestamp())), {"web"}, now=NOW)


def test_a_rotated_key_set_is_read_without_a_restart(file: Path) -> None:
    keys = KeySet(file)
    rotated = token(OTHER, headers={"kid": "k2"})
    with pytest.raises(Unauthenticated):
        keys.verify(rotated, {"web"}, now=NOW)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": [jwk(KEY, "k1"), jwk(OTHER, "k2")]}))
    os.replace(fresh, file)  # noqa: PTH105 - the call whose atomicity is meant
    assert keys.verify(rotated, {"web"}, now=NOW).person_id == "p1"
    assert keys.verify(token(), {"web"}, now=NOW).person_id == "p1"


@pytest.mark.parametrize(
    "content", [None, "", "{", '{"keys": 3}', '{"keys": [{"kty": "OKP", "crv": "Ed25519"}]}', "[]"]
)
def test_a_key_file_that_is_away_or_half_written_leaves_the_known_keys_in_force(
    file: Path, content: str | None
) -> None:
    keys = KeySet(file)
    assert keys.ready
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert keys.verify(token(), {"web"}, now=NOW).person_id == "p1"


@pytest.mark.parametrize("content", [None, "{"])
def test_a_key_file_that_stays_broken_is_logged_once_and_not_at_every_request(
    file: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file.unlink()
    if content is not None:
        file.write_text(content)
    keys = KeySet(file)
    assert [keys.ready for _ in range(20)] == [False] * 20
    assert capsys.readouterr().out.count("jwks_unreadable") == 1
    file.write_text(json.dumps({"keys": [jwk(KEY, "k1")]}))
    assert keys.ready


def test_without_any_key_nobody_is_known_and_readiness_can_tell(tmp_path: Path) -> None:
    keys = KeySet(tmp_path / "missing.json")
    assert not keys.ready
    with pytest.raises(Unauthenticated):
        keys.verify(token(), {"web"}, now=NOW)


def test_a_private_key_in_the_public_file_is_not_used(file: Path) -> None:
    private = json.loads(OKPAlgorithm.to_jwk(OTHER)) | {"kid": "k2"}
    file.write_text(json.dumps({"keys": [jwk(KEY, "k1"), private, {"kty": "RSA", "kid": "r"}]}))
    keys = KeySet(file)
    with pytest.raises(Unauthenticated):
        keys.verify(token(OTHER, headers={"kid": "k2"}), {"web"}, now=NOW)
    assert keys.verify(token(), {"web"}, now=NOW)


def someone(person: str = "p1", session: str | None = "s", token_id: str = "t", minutes: int = -1) -> Identity:
    now = datetime.now(UTC)
    return Identity(
        person, "buyer", (), "web", token_id, session, now + timedelta(hours=1), now + timedelta(minutes=minutes)
    )


LATER = datetime.now(UTC) + timedelta(hours=1)


def test_a_session_signed_out_ends_that_session_only() -> None:
    revoked = Revocations()
    revoked.add("p1", "s", None, LATER)
    assert not revoked.allows(someone())
    assert revoked.allows(someone(session="other"))
    assert revoked.allows(someone(session=None))
    assert revoked.allows(someone(person="p2"))


def test_a_token_deleted_ends_that_token_only() -> None:
    revoked = Revocations()
    revoked.add("p1", None, "t", LATER)
    assert not revoked.allows(someone())
    assert revoked.allows(someone(token_id="other"))


def test_signing_out_everywhere_ends_all_that_was_issued_before_and_lets_a_new_sign_in_work() -> None:
    revoked = Revocations()
    revoked.add("p1", None, None, LATER)
    assert not revoked.allows(someone())
    assert not revoked.allows(someone(session="other", token_id="other"))
    assert revoked.allows(someone(minutes=1))
    assert revoked.allows(someone(person="p2"))


def test_an_older_sign_out_heard_later_does_not_weaken_a_newer_one() -> None:
    revoked, now = Revocations(), datetime.now(UTC)
    revoked.add("p1", None, None, LATER, at=now)
    revoked.add("p1", None, None, LATER - timedelta(minutes=30), at=now - timedelta(days=1))
    assert not revoked.allows(someone())


def test_a_sign_out_event_is_taken_over() -> None:
    data = {"person_id": "p1", "session_id": "s", "until": LATER.isoformat()}
    revoked = Revocations()
    revoked.add_event(new_event("orders.person.signed_out.v1", data, source="/mercadito/orders"))
    assert not revoked.allows(someone())


@pytest.mark.parametrize(
    "data", [{}, {"person_id": "p1"}, {"person_id": "p1", "until": 7}, {"person_id": "p1", "until": "x"}]
)
def test_a_sign_out_event_that_makes_no_sense_is_malformed(data: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        Revocations().add_event(new_event("orders.person.signed_out.v1", data, source="/x"))


def test_revocations_are_bounded_and_what_expired_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "MAX_REVOCATIONS", 10)
    revoked = Revocations()
    revoked.add("old", "s", None, datetime.now(UTC) - timedelta(hours=1))
    for number in range(30):
        revoked.add(f"p{number}", "s", None, LATER + timedelta(minutes=number))
    assert len(revoked._until) == 10
    assert not revoked.allows(someone(person="p29"))
    assert revoked.allows(someone(person="p0"))
