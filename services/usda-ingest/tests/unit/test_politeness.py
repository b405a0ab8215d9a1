import pytest
from usda_ingest.crawling.politeness import HostRule, retry_after_s


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://www.ams.usda.gov/a.csv", True),
        ("https://WWW.AMS.USDA.GOV:8443/a.csv", True),
        ("https://data.usda.gov:8443/a.csv", True),
        ("https://data.usda.gov/a.csv", False),
        ("https://ams.usda.gov/a.csv", False),
        ("https://www.ams.usda.gov.evil.example/a.csv", False),
        ("https://user@evil.example/?www.ams.usda.gov", False),
        ("http://www.ams.usda.gov/a.csv", False),
        ("ftp://www.ams.usda.gov/a.csv", False),
        ("file:///etc/passwd", False),
        ("https://[::1", False),
        ("https://www.ams.usda.gov:99999/", False),
    ],
)
def test_only_listed_hosts_are_asked_and_https_never_falls_back(url: str, *, allowed: bool) -> None:
    rule = HostRule(frozenset({"www.ams.usda.gov", "data.usda.gov:8443"}), https_only=True)
    assert (rule.refuses(url) is None) is allowed


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://ams.usda.gov/a.csv", "its host is not in USDA_ALLOWED_HOSTS"),
        ("http://www.ams.usda.gov/a.csv", "http is not followed from https"),
        (f"https://www.ams.usda.gov/{'a' * 2_000}", "an address of more than 2000 characters"),
        ("https://[::1", "no address"),
    ],
)
def test_who_may_not_be_asked_is_told_for_what_reason(url: str, reason: str) -> None:
    assert HostRule(frozenset({"www.ams.usda.gov"}), https_only=True).refuses(url) == reason


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (b"", None),
        (b"120", 120.0),
        (b"soon", None),
        (b"-5", None),
        (b"Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: bytes | None, seconds: float | None) -> None:
    assert retry_after_s(value, 60.0) == seconds
