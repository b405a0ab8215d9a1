"""The keys that identities are signed with."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from mercadito_events.service.identity import KeySet

from orders.adapters.signing import KeyFileSigner, rotate_keys
from orders.application.commands import Client
from orders.domain import errors
from tests.conftest import PASSWORD

HERE = Client("203.0.113.7")


def test_rotation_keeps_old_tokens_good_and_signs_with_the_new_key(tmp_path: Path) -> None:
    key_file, jwks_file = tmp_path / "key", tmp_path / "jwks"
    first = rotate_keys(key_file, jwks_file)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert not any(entry.get("d") for entry in json.loads(jwks_file.read_text())["keys"])
    second = rotate_keys(key_file, jwks_file)
    assert [entry["kid"] for entry in json.loads(jwks_file.read_text())["keys"]] == [second, first]
    assert json.loads(key_file.read_text())["kid"] == second
    assert list(tmp_path.glob(".*")) == []


def test_old_keys_stay_listed_for_31_days(tmp_path: Path) -> None:
    key_file, jwks_file = tmp_path / "key", tmp_path / "jwks"
    now = datetime.now(UTC)
    first = rotate_keys(key_file, jwks_file, now)
    second = rotate_keys(key_file, jwks_file, now + timedelta(days=1))
    third = rotate_keys(key_file, jwks_file, now + timedelta(days=31))
    assert [entry["kid"] for entry in json.loads(jwks_file.read_text())["keys"]] == [third, second, first]
    fourth = rotate_keys(key_file, jwks_file, now + timedelta(days=33))
    assert [entry["kid"] for entry in json.loads(jwks_file.read_text())["keys"]] == [fourth, third, second]


def test_a_running_process_takes_up_a_new_key(world: Any, tmp_path: Path, container: Any) -> None:
    buyer, _ = world.buyer()
    session = container.accounts.sign_in(world.emails[buyer.person_id], PASSWORD, HERE)
    caller = container.accounts.identify_session(session.secret)
    rotate_keys(tmp_path / "key", tmp_path / "jwks")
    signer = KeyFileSigner(tmp_path / "key", tmp_path / "jwks")
    before = signer.sign(caller, "web", lifetime_s=60).token
    kid = rotate_keys(tmp_path / "key", tmp_path / "jwks")
    after = signer.sign(caller, "web", lifetime_s=60).token
    assert jwt.get_unverified_header(after)["kid"] == kid
    for token in (before, after):
        assert KeySet(tmp_path / "jwks").verify(token, {"web"}).person_id == buyer.person_id


def test_without_a_key_the_process_says_so_and_signs_nothing(tmp_path: Path, world: Any, container: Any) -> None:
    signer = KeyFileSigner(tmp_path / "none", tmp_path / "none.json")
    assert signer.problem() == "the signing key cannot be read"
    with pytest.raises(errors.Unavailable):
        signer.public_keys()
    (tmp_path / "none").write_text("{half")
    assert signer.problem() == "the signing key cannot be read"
