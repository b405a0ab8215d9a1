from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from mercadito_events.service.settings import SettingsError
from notify.market.schedule import Schedule
from notify.recipients.signing import Signer
from notify.settings import MigrationSettings, Settings
from signed import pem, rsa_key

STRONG = "u9Kx-2vQpL7rT4wZ8nB1mC6y"
LONG = "5f0c8e1b7a2d49635f0c8e1b7a2d4963"
GOOD = {
    "MERCADITO_ENV": "production",
    "HTTP_PORT": "8084",
    "DATABASE_URL": "postgresql://notify@127.0.0.1:5432/notify",
    "DATABASE_PASSWORD": STRONG,
    "NATS_URL": "nats://127.0.0.1:4222",
    "NATS_USER": "notify",
    "NATS_PASSWORD": STRONG,
    "IDENTITY_JWKS_FILE": "/run/jwks.json",
    "PUBLIC_URL": "https://mercadito.example",
    "SMTP_HOST": "smtp.relay.example",
    "SMTP_USER": "hub",
    "SMTP_PASSWORD": "sixteen-letters",
    "MAIL_FROM": "Mercadito <orders@mercadito.example>",
    "MAIL_MESSAGE_ID_DOMAIN": "mail.mercadito.example",
    "MAIL_LINK_KEY": LONG,
}


def problems(**changes: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(GOOD | changes)
    return caught.value.problems


def test_good_settings_are_taken_with_their_defaults() -> None:
    settings = Settings.from_env(GOOD)
    relay = settings.post.relays[0]
    assert (relay.port, relay.starttls, relay.user, relay.password) == (587, True, "hub", "sixteen-letters")
    assert settings.post.hub.time_zone.key == "America/Los_Angeles"
    assert settings.post.hub.address == ""
    assert settings.http_host == "127.0.0.1"
    assert "sixteen-letters" not in repr(settings)
    assert STRONG not in repr(settings)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})
    named = " ".join(caught.value.problems)
    for name in ("HTTP_PORT", "DATABASE_URL", "DATABASE_PASSWORD", "NATS_URL", "IDENTITY_JWKS_FILE", "PUBLIC_URL",
                 "SMTP_HOST", "MAIL_FROM", "MAIL_MESSAGE_ID_DOMAIN", "MAIL_LINK_KEY"):  # fmt: skip
        assert name in named


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"SMTP_STARTTLS": "off", "SMTP_USER": ""}, "SMTP_STARTTLS"),
        ({"SMTP_STARTTLS": "maybe"}, "SMTP_STARTTLS"),
        ({"PUBLIC_URL": "http://mercadito.example"}, "PUBLIC_URL"),
        ({"MAIL_FROM": "not an address"}, "MAIL_FROM"),
        ({"MAIL_FROM": "a@b.example\r\nBcc: c@d"}, "MAIL_FROM"),
        ({"MAIL_MESSAGE_ID_DOMAIN": "no domain"}, "MAIL_MESSAGE_ID_DOMAIN"),
        ({"HUB_TIME_ZONE": "Pacific"}, "HUB_TIME_ZONE"),
        ({"HUB_TIME_ZONE": "../etc/passwd"}, "HUB_TIME_ZONE"),
        ({"SMTP_PASSWORD": ""}, "SMTP_PASSWORD"),
        ({"SMTP_PASSWORD_FILE": "/x"}, "SMTP_PASSWORD"),
        ({"SMTP_PORT": "0"}, "SMTP_PORT"),
        ({"SMTP_PORT": "465"}, "SMTP_PORT is 465"),
        ({"SMTP_SECOND_HOST": "two.example", "SMTP_SECOND_PORT": "465"}, "SMTP_SECOND_PORT is 465"),
        ({"SEND_LEASE_S": "0.1"}, "SEND_LEASE_S"),
        ({"DATABASE_PASSWORD": "short"}, "DATABASE_PASSWORD"),
        ({"MAIL_LINK_KEY": STRONG}, "MAIL_LINK_KEY holds a key of less than 32 bytes"),
        ({"MAIL_LINK_KEY": "mercadito-mercadito-mercadito-links"}, "MAIL_LINK_KEY"),
        ({"MAIL_LINK_KEY_PREVIOUS": f"{LONG[::-1]},{STRONG}"}, "MAIL_LINK_KEY_PREVIOUS"),
        ({"MAIL_LINK_KEY_FILE": "/x"}, "MAIL_LINK_KEY"),
        ({"QUIET_HOURS": "9pm-5am"}, "QUIET_HOURS"),
        ({"MAIL_BOUNCE_ADDRESS": "b+x@mail.example"}, "MAIL_BOUNCE_ADDRESS"),
        ({"MAIL_BOUNCE_ADDRESS": f"{'b' * 28}@mail.example"}, "MAIL_BOUNCE_ADDRESS"),
        ({"BOUNCE_WEBHOOK_KEY": STRONG}, "BOUNCE_WEBHOOK_KEY"),
        ({"QUIET_HOURS": "21:00-21:00"}, "QUIET_HOURS"),
    ],
)
def test_what_production_refuses(changes: dict[str, str], named: str) -> None:
    (problem,) = problems(**changes)
    assert named in problem


def test_a_password_never_goes_out_unencrypted_not_even_in_a_demo() -> None:
    (problem,) = problems(MERCADITO_ENV="demo", SMTP_STARTTLS="off")
    assert "in the clear" in problem


def test_a_relay_on_this_machine_needs_no_encryption() -> None:
    assert not Settings.from_env(GOOD | {"SMTP_STARTTLS": "off", "SMTP_HOST": "127.0.0.1"}).post.relays[0].starttls


def test_links_of_replaced_keys_go_on_working(tmp_path: Path) -> None:
    file = tmp_path / "previous"
    file.write_text(f"{'b' * 8}{LONG}, {'c' * 8}{LONG}\n")
    links = Settings.from_env(GOOD | {"MAIL_LINK_KEY_PREVIOUS_FILE": str(file)}).post.links
    for key in (LONG, f"{'b' * 8}{LONG}", f"{'c' * 8}{LONG}"):
        assert links.person_of(Signer(key).token("preferences", "p1")) == "p1"
    assert LONG not in repr(Settings.from_env(GOOD))


def test_the_night_can_be_moved_or_done_without() -> None:
    assert str(Settings.from_env(GOOD).post.quiet) == "21:00-05:00"
    assert str(Settings.from_env(GOOD | {"QUIET_HOURS": "20:30-04:15"}).post.quiet) == "20:30-04:15"
    assert Settings.from_env(GOOD | {"QUIET_HOURS": "off"}).post.quiet is None


def test_the_digest_can_come_at_another_time_or_not_at_all() -> None:
    usual = Settings.from_env(GOOD)
    assert usual.digest == Schedule.parse("mon 05:00")
    assert Settings.from_env(GOOD | {"DIGEST_AT": "thu 06:30"}).digest == Schedule(3, time(6, 30))
    assert Settings.from_env(GOOD | {"DIGEST_AT": "off"}).digest is None
    assert abs(usual.market_day() - datetime.now(UTC).date()) <= timedelta(days=1)
    assert Settings.from_env(GOOD | {"USDA_TODAY": "2026-01-08"}).market_day() == date(2026, 1, 8)


def test_migrations_are_found_beside_the_package_or_where_the_image_says(tmp_path: Path) -> None:
    env = {
        "MERCADITO_ENV": "test",
        "MIGRATION_DATABASE_URL": "postgresql://notify_owner@127.0.0.1:5432/notify",
        "MIGRATION_DATABASE_PASSWORD": "x",
    }
    assert (MigrationSettings.from_env(env).migrations_dir / "env.py").is_file()
    assert MigrationSettings.from_env(env | {"MIGRATIONS_DIR": str(tmp_path)}).migrations_dir == tmp_path


def test_the_address_under_a_mail_is_one_line() -> None:
    settings = Settings.from_env(GOOD | {"HUB_ADDRESS": "1234 E 7th St\n Los Angeles"})
    assert settings.post.hub.address == "1234 E 7th St Los Angeles"


def test_a_second_relay_has_its_own_settings() -> None:
    second = {"SMTP_SECOND_HOST": "backup.example", "SMTP_SECOND_USER": "hub", "SMTP_SECOND_PASSWORD": "other"}
    first, backup = Settings.from_env(GOOD | second).post.relays
    assert (first.name, first.password) == ("primary", "sixteen-letters")
    assert (backup.name, backup.host, backup.port, backup.password) == ("secondary", "backup.example", 587, "other")
    (problem,) = problems(**second | {"SMTP_SECOND_STARTTLS": "off", "SMTP_SECOND_USER": ""})
    assert "SMTP_SECOND_STARTTLS=off" in problem


def test_hold_mode_names_the_addresses_that_are_excepted() -> None:
    assert Settings.from_env(GOOD).post.mode == "send"
    held = Settings.from_env(GOOD | {"MAIL_MODE": "hold", "MAIL_HOLD_EXCEPT": "A@b.example, c@d.example,"}).post
    assert (held.mode, held.only_to) == ("hold", {"a@b.example", "c@d.example"})
    assert Settings.from_env(GOOD | {"MAIL_MODE": "hold"}).post.only_to == frozenset()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"MAIL_MODE": "off"}, "MAIL_MODE"),
        ({"MAIL_MODE": "hold", "MAIL_HOLD_EXCEPT": "nobody"}, "MAIL_HOLD_EXCEPT"),
        ({"MAIL_HOLD_EXCEPT": "a@b.example"}, "MAIL_HOLD_EXCEPT"),
        ({"SEND_PER_SECOND": "0.0001"}, "SEND_PER_SECOND"),
        ({"SMTP_CONNECTIONS": "0"}, "SMTP_CONNECTIONS"),
        ({"DIGEST_AT": "monday"}, "DIGEST_AT"),
        ({"USDA_TODAY": "tomorrow"}, "USDA_TODAY"),
    ],
)
def test_what_is_meant_otherwise_is_refused(changes: dict[str, str], named: str) -> None:
    (problem,) = problems(**changes)
    assert named in problem


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "dkim.pem"
    file.write_bytes(pem(rsa_key()))
    return file


def test_a_key_signs_for_the_senders_domain_unless_told_otherwise(key_file: Path) -> None:
    assert Settings.from_env(GOOD).post.dkim is None
    given = GOOD | {"DKIM_KEY_FILE": str(key_file), "DKIM_SELECTOR": "2026a"}
    settings = Settings.from_env(given)
    assert settings.post.dkim is not None
    assert settings.post.dkim.record_name == "2026a._domainkey.mercadito.example"
    assert "PRIVATE" not in repr(settings)
    other = Settings.from_env(given | {"DKIM_DOMAIN": "Mail.Mercadito.example"}).post.dkim
    assert other is not None
    assert other.domain == "mail.mercadito.example"


def test_a_key_that_cannot_be_used_is_told_at_start_with_what_to_do(tmp_path: Path, key_file: Path) -> None:
    selector, file = {"DKIM_SELECTOR": "2026a"}, {"DKIM_KEY_FILE": str(key_file)}
    assert problems(**file) == ["DKIM_SELECTOR is not set."]
    (problem,) = problems(**selector)
    assert problem.startswith("DKIM_SELECTOR means nothing without DKIM_KEY_FILE")
    (problem,) = problems(**file, DKIM_SELECTOR="a b")
    assert "DKIM_SELECTOR is 'a b'" in problem
    (problem,) = problems(**file, **selector, DKIM_DOMAIN="no domain")
    assert "DKIM_DOMAIN" in problem
    (problem,) = problems(**selector, DKIM_KEY_FILE=str(tmp_path / "missing"))
    assert problem.endswith("missing cannot be read (No such file or directory).")
    (problem,) = problems(**selector, DKIM_KEY_FILE=str(tmp_path))
    assert problem.endswith("cannot be read (Is a directory).")
    key_file.write_bytes(pem(rsa_key(1024)))
    (problem,) = problems(**selector, **file)
    assert "holds an RSA key of 1024 bits" in problem
