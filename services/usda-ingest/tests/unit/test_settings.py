from pathlib import Path

import pytest
from mercadito_events.service.settings import SettingsError
from usda_ingest.settings import CrawlSettings, ServiceSettings

GOOD = {
    "MERCADITO_ENV": "test",
    "DATABASE_URL": "postgresql://usda@127.0.0.1:5432/usda",
    "DATABASE_PASSWORD": "x",
    "USDA_INDEX_URL": "http://127.0.0.1:8123/index/",
    "USDA_RAW_DIR": "/tmp/raw",
}
SERVICE = {
    **GOOD,
    "HTTP_PORT": "8000",
    "NATS_URL": "nats://127.0.0.1:4222",
    "NATS_USER": "usda",
    "NATS_PASSWORD": "x",
    "IDENTITY_JWKS_FILE": "/tmp/jwks.json",
}


def test_the_index_url_keeps_its_slash_and_its_host_is_allowed_by_itself() -> None:
    settings = CrawlSettings.from_env(GOOD)
    (index,) = settings.sources
    assert (index.name, index.url, index.expected, index.can_backfill) == ("index", GOOD["USDA_INDEX_URL"], (), False)
    assert settings.allowed_hosts == {"127.0.0.1:8123"}
    assert settings.raw_dir == Path("/tmp/raw")


def test_listed_hosts_replace_the_default() -> None:
    settings = CrawlSettings.from_env({**GOOD, "USDA_ALLOWED_HOSTS": "WWW.ams.usda.gov, 127.0.0.1"})
    assert settings.allowed_hosts == {"www.ams.usda.gov", "127.0.0.1"}


def test_listed_hosts_must_have_the_one_where_a_source_begins() -> None:
    with pytest.raises(SettingsError, match=r"does not list 127\.0\.0\.1:8123, where the source index begins"):
        CrawlSettings.from_env({**GOOD, "USDA_ALLOWED_HOSTS": "www.ams.usda.gov, 127.0.0.1:9000"})


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as problems:
        ServiceSettings.from_env({"MERCADITO_ENV": "test", "USDA_SCHEDULE": "maybe", "USDA_CRAWL_EVERY_S": "1"})
    text = str(problems.value)
    names = ("DATABASE_URL", "USDA_INDEX_URL", "USDA_RAW_DIR", "NATS_URL", "IDENTITY_JWKS_FILE", "HTTP_PORT")
    for name in (*names, "USDA_SCHEDULE", "USDA_CRAWL_EVERY_S"):
        assert name in text


def test_the_schedule_is_on_unless_switched_off() -> None:
    assert ServiceSettings.from_env(SERVICE).is_scheduled
    assert not ServiceSettings.from_env({**SERVICE, "USDA_SCHEDULE": "off"}).is_scheduled


def test_the_market_day_is_never_before_the_given_one() -> None:
    settings = CrawlSettings.from_env({**GOOD, "USDA_TODAY": "2099-01-08"})
    assert settings.market_day().isoformat() == "2099-01-08"


def test_the_age_of_a_quote_is_told_by_the_given_day_even_when_it_is_long_past() -> None:
    settings = CrawlSettings.from_env({**GOOD, "USDA_TODAY": "2026-01-08"})
    assert settings.market_today().isoformat() == "2026-01-08"
    today = CrawlSettings.from_env(GOOD)
    assert today.market_day() == today.market_today()


@pytest.mark.parametrize(
    ("index", "is_https"), [("https://a.test/", True), ("HTTPS://a.test/", True), ("http://a.test/", False)]
)
def test_an_https_index_means_https_only_however_it_is_written(index: str, *, is_https: bool) -> None:
    (source,) = CrawlSettings.from_env({**GOOD, "USDA_INDEX_URL": index}).sources
    assert source.is_https is is_https


def test_commodities_by_file_name_are_read_and_a_bad_entry_is_a_problem() -> None:
    settings = CrawlSettings.from_env({**GOOD, "USDA_COMMODITIES": "plums-*.csv=PLUMS"})
    assert settings.commodities.of("plums-2017.csv") == "PLUMS"
    assert CrawlSettings.from_env(GOOD).commodities.of("plums-2017.csv") == ""
    with pytest.raises(SettingsError, match="USDA_COMMODITIES needs the form"):
        CrawlSettings.from_env({**GOOD, "USDA_COMMODITIES": "plums.csv"})
