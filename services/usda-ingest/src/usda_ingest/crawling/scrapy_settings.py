"""Scrapy's settings; its defaults are unsafe for a daily visit of one site (reference, 5)."""

from http import HTTPStatus
from typing import Any

from usda_ingest import __version__
from usda_ingest.settings import CrawlSettings

MAX_REDIRECTS = 5
# A pause is an addition to the usual delay, which therefore can't be nothing.
MIN_DELAY_S = 0.001
# 202 is what the MARS API says while it prepares an answer.
RETRIED = (HTTPStatus.ACCEPTED, 408, 429, 500, 502, 503, 504, 522, 524)


def scrapy_settings(settings: CrawlSettings, *, sources: int) -> dict[str, Any]:
    """Return what the crawler process is made with.

    Args:
        settings: of the crawl.
        sources: how many sources it visits: each has one request under way at most.

    """
    return {
        "USER_AGENT": f"mercadito-usda-ingest/{__version__} (+{settings.public_url})",
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "CONCURRENT_REQUESTS": max(1, sources),
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY": max(MIN_DELAY_S, settings.delay_s),
        "DOWNLOAD_TIMEOUT": settings.download_timeout_s,
        "DOWNLOAD_MAXSIZE": settings.download_max_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "CLOSESPIDER_TIMEOUT": settings.deadline_s,
        "RETRY_TIMES": settings.retries,
        "RETRY_HTTP_CODES": [int(status) for status in RETRIED],
        "REDIRECT_MAX_TIMES": MAX_REDIRECTS,
        "METAREFRESH_ENABLED": False,
        "COOKIES_ENABLED": False,
        "EXTENSIONS": {
            # they listen on ports of their own, and nobody is to steer a crawl from outside
            "scrapy.extensions.telnet.TelnetConsole": None,
            "scrapy.extensions.remote_control.RemoteControl": None,
        },
        "LOG_ENABLED": False,
        "LOG_INSTALL_ROOT_HANDLER": False,
        "DOWNLOADER_MIDDLEWARES": {
            "usda_ingest.crawling.politeness.HostGuard": 40,
            "usda_ingest.crawling.robots.Robots": 100,
            "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
            "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
            "usda_ingest.crawling.politeness.PatientRetry": 550,
        },
    }
