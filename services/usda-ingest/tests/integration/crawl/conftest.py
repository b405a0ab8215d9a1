"""The two sources beside the index, each on the loopback site, and crawls of them alone."""

from collections.abc import Callable

import pytest
from usda_site.mars import KEY, MarsSite
from usda_site.portal import PortalSite
from usda_site.site import Site

# A day that no clock has reached: the newest days that a crawl asks for are the week before it.
TODAY = "2099-01-08"


@pytest.fixture
def portal(site: Site) -> PortalSite:
    found = PortalSite(site)
    found.open()
    return found


@pytest.fixture
def api(site: Site) -> MarsSite:
    return MarsSite(site)


@pytest.fixture
def of_portal(portal: PortalSite) -> Callable[..., dict[str, str]]:
    """Settings for a crawl of the portal alone."""
    return lambda **more: {"USDA_INDEX_URL": "", "USDA_PORTAL_URL": portal.url, "USDA_TODAY": TODAY, **more}


@pytest.fixture
def of_mars(api: MarsSite) -> Callable[..., dict[str, str]]:
    """Settings for a crawl of two reports of the MARS API alone."""
    own = {"USDA_MARS_URL": api.url, "USDA_MARS_KEY": KEY, "USDA_MARS_REPORTS": "2306,2307", "USDA_TODAY": TODAY}
    return lambda **more: {"USDA_INDEX_URL": "", **own, **more}
