import pytest
from mercadito_events.service.settings import SettingsError
from realtime.settings import Bounds, Settings

ENV = {
    "MERCADITO_ENV": "test",
    "HTTP_PORT": "9001",
    "WS_PORT": "9002",
    "IDENTITY_JWKS_FILE": "/keys/jwks.json",
    "NATS_URL": "nats://127.0.0.1:4222",
    "NATS_USER": "realtime",
    "NATS_PASSWORD": "x",
}


def test_the_defaults_are_those_of_the_readme() -> None:
    settings = Settings.from_env(ENV)
    assert (settings.http_host, settings.ws_host, settings.ping_s, settings.drain_s) == (
        "127.0.0.1",
        "127.0.0.1",
        25,
        20,
    )
    assert settings.bounds == Bounds(connections=5_000, per_person=20, per_address=200)
    assert settings.allowed_origins == frozenset()


def test_origins_are_a_list() -> None:
    settings = Settings.from_env({**ENV, "ALLOWED_ORIGINS": "https://Shop.example, http://localhost:3000"})
    assert settings.allowed_origins == {"https://shop.example", "http://localhost:3000"}


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"MERCADITO_ENV": "production", "ALLOWED_ORIGINS": "shop.example", "WS_PING_S": "0"})
    for name in (
        "HTTP_PORT",
        "WS_PORT",
        "NATS_URL",
        "NATS_PASSWORD",
        "IDENTITY_JWKS_FILE",
        "ALLOWED_ORIGINS",
        "WS_PING_S",
    ):
        assert name in str(caught.value)


def test_production_refuses_a_weak_password() -> None:
    with pytest.raises(SettingsError, match="NATS_PASSWORD"):
        Settings.from_env({**ENV, "MERCADITO_ENV": "production"})
