"""A correction reaches a page that somebody has open, and so does a price that was taken back."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn
from tests.driver.price_files import Row, crawled, market_days, report, served
from tests.driver.system import System

NEWS_WITHIN_MS = 30_000
LIVE_WITHIN_MS = 20_000


def test_a_corrected_and_a_withdrawn_price_reach_an_open_page(system: System, signed_in: SignIn) -> None:
    if system.served is None:
        pytest.skip("../shared/data/usda is not beside this checkout")
    staff = system.client("staff")
    commodity = f"Cherimoya{uuid.uuid4().hex[:8]}"
    days = market_days(10)
    before = [Row(commodity, day, "20.00", "22.00") for day in days[:-1]]
    with served(system.served, cherimoya=report([*before, Row(commodity, days[-1], "30.00", "33.00")])):
        crawled(staff)
    series = staff.get(f"/api/v1/prices?commodity={commodity}&limit=1")["items"][0]["series_id"]
    page = signed_in("buyer2", at=f"/prices/{series}")
    summary = page.locator("[data-summary]")
    expect(summary).to_contain_text("$33.00", timeout=NEWS_WITHIN_MS)
    expect(page.locator("[data-live]").first).to_have_attribute("data-live", "live", timeout=LIVE_WITHIN_MS)
    page.evaluate("window.notReloaded = true")
    with served(system.served, cherimoya=report([*before, Row(commodity, days[-1], "40.00", "44.00")])):
        crawled(staff)
    expect(summary).to_contain_text("$44.00", timeout=NEWS_WITHIN_MS)
    with served(system.served, cherimoya=report([*before, Row(commodity, days[-1], "", "", comment="no offerings")])):
        crawled(staff)
    expect(summary).not_to_contain_text("$44.00", timeout=NEWS_WITHIN_MS)
    expect(summary).to_contain_text(re.compile(r"\$22\.00"))
    assert page.evaluate("window.notReloaded === true")
