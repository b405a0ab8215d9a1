"""Which browser and system somebody signs in with, in two words, to recognise a session by."""

import re

from flask import request

from orders.application.commands import Client
from orders.entrypoints.http import client_address

MAX_AGENT_CHARACTERS = 400
# The first that fits: browsers claim to be those they descend from, so the descendants come first.
_BROWSERS = (
    ("SamsungBrowser", "Samsung"),
    ("Edg", "Edge"),
    ("OPR|Opera", "Opera"),
    ("DuckDuckGo|Ddg/", "DuckDuckGo"),
    ("Firefox|FxiOS", "Firefox"),
    ("Chrome|CriOS|Chromium", "Chrome"),
    ("Safari", "Safari"),
    ("python|curl|Wget|Go-http|okhttp|Java", "Program"),
)
_SYSTEMS = (
    ("iPhone|iPod", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "Chromebook"),
    ("Windows", "Windows"),
    ("Mac OS|Macintosh", "Mac"),
    ("Linux|X11", "Linux"),
)


def client() -> Client:
    """Return where the current request comes from."""
    return Client(client_address(), name_of(request.headers.get("User-Agent", "")))


def name_of(agent: str) -> str:
    """Return "Firefox Windows" and the like; only words of ours, never what was sent; empty when nothing is known."""
    sent = agent[:MAX_AGENT_CHARACTERS]
    words = (_first(names, sent) for names in (_BROWSERS, _SYSTEMS))
    return " ".join(word for word in words if word)


def _first(names: tuple[tuple[str, str], ...], sent: str) -> str:
    return next((word for pattern, word in names if re.search(pattern, sent, re.IGNORECASE)), "")
