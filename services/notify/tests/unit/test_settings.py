from pathlib import Path

import pytest
from mercadito_events.service.settings import SettingsError
from notify.settings import MigrationSettings, Settings

STRONG = "u9Kx-2vQpL7rT4wZ8nB1mC6y"
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
}


def problems(**changes: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(GOOD | changes)
    return caught.value.problems


def test_good_settings_are_taken_with_their_defaults() -> None:
    settings = Settings.from_env(GOOD)
    relay = settings.post.relay
    assert (relay.port, relay.starttls, relay.user, relay.password) == (587, True, "hub", "sixteen-letters")
    assert settings.post.hub.time_zone.key == "America/Los_Angeles"
    assert settings.http_host == "127.0.0.1"
    assert "sixteen-letters" not in repr(settings)
    assert STRONG not in repr(settings)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})
    named = " ".join(caught.value.problems)
    for name in ("HTTP_PORT", "DATABASE_URL", "DATABASE_PASSWORD", "NATS_URL", "IDENTITY_JWKS_FILE", "PUBLIC_URL",
                 "SMTP_HOST", "MAIL_FROM", "MAIL_MESSAGE_ID_DOMAIN"):  # fmt: skip
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
        ({"SEND_LEASE_S": "0.1"}, "SEND_LEASE_S"),
        ({"DATABASE_PASSWORD": "short"}, "DATABASE_PASSWORD"),
    ],
)
def test_what_production_refuses(changes: dict[str, str], named: str) -> None:
    (problem,) = problems(**changes)
    assert named in problem


def test_a_password_never_goes_out_unencrypted_not_even_in_a_demo() -> None:
    (problem,) = problems(MERCADITO_ENV="demo", SMTP_STARTTLS="off")
    assert "in the clear" in problem


def test_a_relay_on_this_machine_needs_no_encryption() -> None:
    assert not Settings.from_env(GOOD | {"SMTP_STARTTLS": "off", "SMTP_HOST": "127.0.0.1"}).post.relay.starttls


def test_migrations_are_found_beside_the_package_or_where_the_image_says(tmp_path: Path) -> None:
    env = {
        "MERCADITO_ENV": "test",
        "MIGRATION_DATABASE_URL": "postgresql://notify_owner@127.0.0.1:5432/notify",
        "MIGRATION_DATABASE_PASSWORD": "x",
    }
    assert (MigrationSettings.from_env(env).migrations_dir / "env.py").is_file()
    assert MigrationSettings.from_env(env | {"MIGRATIONS_DIR": str(tmp_path)}).migrations_dir == tmp_path
