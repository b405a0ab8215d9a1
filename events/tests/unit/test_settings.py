from datetime import date
from pathlib import Path

import pytest
from mercadito_events.service import settings
from mercadito_events.service.settings import Reader, SettingsError

STRONG = "f3a9c1d4e7b8a2c6d5e4f3a9c1d4e7b8"


def problems(reader: Reader) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        reader.finish()
    return caught.value.problems


def test_every_problem_is_told_at_once() -> None:
    reader = Reader({"PORT": "70000", "RATE": "a lot", "LEVEL": "loud", "DAY": "8 January", "SITE": "ftp://x"})
    reader.text("NAME")
    reader.integer("PORT", minimum=1, maximum=65_535)
    reader.number("RATE", minimum=0, maximum=1)
    reader.choice("LEVEL", ("info", "debug"))
    reader.date("DAY")
    reader.url("SITE", schemes=("http", "https"))
    reader.secret("KEY")
    reader.path("FOLDER")
    reader.problem("And another thing.")
    found = problems(reader)
    assert len(found) == 9
    for name in ("NAME", "PORT", "RATE", "LEVEL", "DAY", "SITE", "KEY_FILE", "FOLDER"):
        assert any(name in line for line in found), name


def test_good_values_are_read_and_defaults_used() -> None:
    reader = Reader({"PORT": " 8080 ", "RATE": "0.5", "DAY": "2026-01-08", "SITE": "https://x.example/", "EMPTY": " "})
    assert reader.integer("PORT", minimum=1, maximum=65_535) == 8080
    assert reader.integer("OTHER", 7, minimum=1, maximum=9) == 7
    assert reader.number("RATE", minimum=0, maximum=1) == 0.5
    assert reader.date("DAY") == date(2026, 1, 8)
    assert reader.date("NO_DAY") is None
    assert reader.url("SITE", schemes=("https",)) == "https://x.example"
    assert reader.text("EMPTY", "fallback") == "fallback"
    assert reader.path("FOLDER", "/var/x") == Path("/var/x")
    assert reader.environment() == "production"
    reader.finish()


@pytest.mark.parametrize("value", ["1_000", "١٢", "0x10", "1e3", "--1", "nan", "inf", "1,5", "9" * 5_000])
def test_numbers_are_plain_decimal_numbers(value: str) -> None:
    reader = Reader({"N": value})
    reader.integer("N", minimum=0, maximum=10_000)
    reader.number("N", minimum=0, maximum=10_000)
    assert len(problems(reader)) == 2


@pytest.mark.parametrize("value", ["2026-1-8", "2026-02-30", "20260108", "2026-W01-1"])
def test_a_day_is_written_in_one_way_only(value: str) -> None:
    reader = Reader({"DAY": value})
    reader.date("DAY")
    assert len(problems(reader)) == 1


def test_an_address_with_credentials_is_refused_and_not_repeated() -> None:
    reader = Reader({"SITE": "https://ana:sesame@x.example"})
    reader.url("SITE", schemes=("https",))
    assert "sesame" not in problems(reader)[0]


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{STRONG}\r\n")
    reader = Reader({"KEY_FILE": str(tmp_path / "key")})
    assert reader.secret("KEY") == STRONG
    reader.finish()


def test_a_secret_given_twice_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(STRONG)
    reader = Reader({"KEY": STRONG, "KEY_FILE": str(tmp_path / "key")})
    reader.secret("KEY")
    assert "both set" in problems(reader)[0]


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * 20_000, b"two\nlines of it, long enough"])
def test_a_secret_file_that_is_missing_empty_binary_or_huge_is_a_problem(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    reader = Reader({"KEY_FILE": str(tmp_path / "key")})
    reader.secret("KEY")
    assert len(problems(reader)) == 1


@pytest.mark.parametrize(
    "secret",
    [
        "tiny-one",
        "a" * 40,
        "mercadito-demo-secret-0123456789",
        "changeme-changeme-changeme-1234",
        "PassWord-0123456789-abcdefgh",
    ],
)
def test_production_refuses_short_monotonous_and_demo_secrets_without_showing_them(secret: str) -> None:
    reader = Reader({"KEY": secret})
    reader.secret("KEY")
    (line,) = problems(reader)
    assert secret not in line
    assert "openssl rand" in line


@pytest.mark.parametrize("environment", ["demo", "test"])
def test_demo_and_test_take_weak_secrets_but_not_missing_ones(environment: str) -> None:
    reader = Reader({"MERCADITO_ENV": environment, "KEY": "demo"})
    assert reader.secret("KEY") == "demo"
    reader.finish()
    reader.secret("OTHER")
    assert len(problems(reader)) == 1


def test_an_unknown_environment_is_a_problem_and_counts_as_production() -> None:
    reader = Reader({"MERCADITO_ENV": "staging"})
    assert reader.environment() == "production"
    assert reader.environment() == "production"
    assert len(problems(reader)) == 1


def test_a_database_address_gets_its_password_and_driver() -> None:
    reader = Reader({"DATABASE_URL": "postgresql://orders@db:5432/orders", "DATABASE_PASSWORD": STRONG})
    url = settings.database(reader).url
    reader.finish()
    assert (url.drivername, url.username, url.password, url.database) == (
        "postgresql+psycopg2",
        "orders",
        STRONG,
        "orders",
    )
    assert STRONG not in str(url)
    assert STRONG not in repr(settings.database(reader))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "not set"),
        ("orders", "not an address"),
        ("mysql://orders@db/orders", "must name"),
        ("postgresql://db/orders", "must name"),
        ("postgresql://orders@db", "must name"),
        ("postgresql://orders:sesame@db/orders", "contains a password"),
        ("postgresql://orders@db:port/orders", "not an address"),
    ],
)
def test_a_wrong_database_address_is_explained_without_its_password(value: str, says: str) -> None:
    reader = Reader({"DATABASE_URL": value, "DATABASE_PASSWORD": STRONG})
    settings.database(reader)
    (line,) = problems(reader)
    assert says in line
    assert "sesame" not in line


def test_nats_takes_several_servers() -> None:
    reader = Reader({"NATS_URL": "nats://a:4222, tls://b:4222", "NATS_USER": "orders", "NATS_PASSWORD": STRONG})
    got = settings.nats(reader)
    reader.finish()
    assert got.url == "nats://a:4222,tls://b:4222"
    assert STRONG not in repr(got)


@pytest.mark.parametrize("value", ["http://a", "nats://x:y@a:4222", "a:4222", "nats://"])
def test_a_wrong_nats_address_is_a_problem(value: str) -> None:
    reader = Reader({"NATS_URL": value, "NATS_USER": "orders", "NATS_PASSWORD": STRONG})
    settings.nats(reader)
    assert "NATS_URL" in problems(reader)[0]
