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
    assert (settings.workers, settings.viewers_s, settings.admin_token) == (1, 5.0, None)


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


@pytest.mark.parametrize("token", ["short", "mercadito-demo-admin-token-1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_production_refuses_a_weak_admin_token(token: str) -> None:
    strong = {**ENV, "MERCADITO_ENV": "production", "NATS_PASSWORD": "s3f9a1c7e5b2d8064f1a9c7e"}
    assert Settings.from_env(strong).admin_token is None
    with pytest.raises(SettingsError, match="ADMIN_TOKEN"):
        Settings.from_env({**strong, "ADMIN_TOKEN": token})


@pytest.mark.parametrize(("name", "value"), [("WS_WORKERS", "0"), ("WS_WORKERS", "17"), ("VIEWERS_S", "0.1")])
def test_numbers_out_of_their_bounds_are_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({**ENV, name: value})
