"""Browser and system in two words."""

import pytest

from orders.entrypoints.devices import name_of

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/120.0 Mobile Safari/537.36", "Chrome Android"),
        (f"Mozilla/5.0 (Linux; Android 13; SM-A1) {WEBKIT} SamsungBrowser/23.0 Chrome/115.0 Safari", "Samsung Android"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) {WEBKIT} Version/17.0 Safari/604.1", "Safari iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/120.0 Safari/537.36 Edg/120.0", "Edge Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.0 Safari/605.1.15", "Safari Mac"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox Linux"),
        ("python-httpx/0.27", "Program"),
        ("", ""),
        ("<script>alert(1)</script>", ""),
        ("\x00" * 100_000, ""),
    ],
)
def test_a_browser_is_named_by_words_of_ours(agent: str, name: str) -> None:
    assert name_of(agent) == name
