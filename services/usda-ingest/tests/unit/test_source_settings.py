from pathlib import Path

import pytest
from mercadito_events.service.settings import Reader, SettingsError
from usda_ingest.errors import UnknownSource
from usda_ingest.settings import CrawlSettings
from usda_ingest.sources.source_settings import SourceSettings, read_sources

KEY = "f3Kq9zPwX1r7Vb2LmD8sTn4c"
MARS = {"USDA_MARS_URL": "https://marsapi.test/services/v1.2/", "USDA_MARS_KEY": KEY}
ALL = {"USDA_INDEX_URL": "https://ers.test/prices", "USDA_PORTAL_URL": "https://portal.test/mnp", **MARS}


def sources(env: dict[str, str], environment: str = "test") -> tuple[SourceSettings, ...]:
    reader = Reader({"MERCADITO_ENV": environment, **env})
    found = read_sources(reader)
    reader.finish()
    return found


def problems(env: dict[str, str], environment: str = "test") -> str:
    with pytest.raises(SettingsError) as found:
        sources(env, environment)
    return str(found.value)


def test_all_three_kinds_are_read_in_their_order() -> None:
    index, portal, mars = sources(ALL, "production")
    assert [source.name for source in (index, portal, mars)] == ["index", "portal", "mars"]
    assert (portal.url, portal.market, portal.can_backfill) == ("https://portal.test/mnp/", "HC", True)
    assert (mars.url, mars.expected) == ("https://marsapi.test/services/v1.2", ("2306", "2307", "2308", "2309"))
    assert mars.key == KEY
    assert [source.host for source in (index, portal, mars)] == ["ers.test", "portal.test", "marsapi.test"]


def test_the_key_comes_from_a_file_too_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    (mars,) = sources({"USDA_MARS_URL": MARS["USDA_MARS_URL"], "USDA_MARS_KEY_FILE": str(file)})
    assert mars.key == KEY
    assert KEY not in repr(mars)
    assert KEY not in str(mars)


def test_without_any_source_the_three_settings_are_named() -> None:
    assert all(name in problems({}) for name in ("USDA_INDEX_URL", "USDA_PORTAL_URL", "USDA_MARS_URL"))


def test_every_problem_is_named_at_once_and_the_key_in_none() -> None:
    wrong = {
        "USDA_INDEX_URL": "ftp://a.test/",
        "USDA_PORTAL_URL": "https://user:secret@b.test/mnp/",
        "USDA_PORTAL_MARKET": "Los Angeles",
        "USDA_MARS_URL": "https://c.test/" + "x" * 500,
        "USDA_MARS_KEY": "two words: and a colon",
        "USDA_MARS_REPORTS": "2306,LA_FV010",
    }
    text = problems(wrong)
    assert all(name in text for name in wrong)
    assert "colon, " not in text
    assert "two words" not in text
    assert "secret@" not in text


@pytest.mark.parametrize("name", ["USDA_INDEX_URL", "USDA_PORTAL_URL", "USDA_MARS_URL"])
def test_production_asks_https_addresses_only(name: str) -> None:
    assert name in problems({**ALL, name: "http://a.test/"}, "production")
    assert len(sources({**ALL, name: "http://a.test/"})) == len(ALL) - 1


def test_a_key_and_an_address_need_each_other() -> None:
    assert "USDA_MARS_KEY" in problems({"USDA_MARS_URL": MARS["USDA_MARS_URL"]})
    assert "USDA_MARS_URL is not" in problems({"USDA_INDEX_URL": "http://a.test/", "USDA_MARS_KEY": KEY})


@pytest.mark.parametrize("reports", [",", "2306;2307", "-1", ",".join(str(number) for number in range(51))])
def test_reports_are_numbers_and_not_too_many(reports: str) -> None:
    assert "USDA_MARS_REPORTS" in problems({**MARS, "USDA_MARS_REPORTS": reports})


def test_a_report_listed_twice_is_asked_once() -> None:
    (mars,) = sources({**MARS, "USDA_MARS_REPORTS": " 2306 , 2390,2306"})
    assert mars.expected == ("2306", "2390")


def test_sources_are_chosen_by_name() -> None:
    common = {"MERCADITO_ENV": "test", "DATABASE_URL": "postgresql://usda@127.0.0.1/usda", "DATABASE_PASSWORD": "x"}
    settings = CrawlSettings.from_env({**common, "USDA_RAW_DIR": "/tmp/raw", **ALL})
    assert settings.source_names() == "index, portal, mars"
    assert settings.source_names(["mars", "index"]) == "index, mars"
    assert [source.name for source in settings.chosen(["mars"])] == ["mars"]
    assert settings.allowed_hosts == {"ers.test", "portal.test", "marsapi.test"}
    with pytest.raises(UnknownSource, match="no such source: ers; configured: index, portal, mars"):
        settings.chosen(["ers", "mars"])
