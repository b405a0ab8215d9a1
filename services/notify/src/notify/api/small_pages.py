"""How the small pages that a mail leads to are drawn: without scripts, in the reader's language, in the shop's look."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from notify.writing.formats import LANGUAGES, Language

FOLDER: Final = Path(__file__).parent / "pages"
CSS_PATH: Final = "/mail/page.css"
A_YEAR_S: Final = 31_536_000


@dataclass(frozen=True, slots=True)
class Button:
    """What a page offers to do; it posts to the page's own address."""

    words: str
    name: str = ""


@cache
def words() -> Mapping[Language, Mapping[str, str]]:
    """Return everything that the pages say, by language."""
    with (FOLDER / "words.toml").open("rb") as file:
        found = tomllib.load(file)
    return {language: found[language] for language in LANGUAGES}


def css(v: str = "") -> Response:
    """Answer with the style sheet; at the address that names this version it may be kept, at others it may be newer."""
    data, version = _css()
    kept = f"public, max-age={A_YEAR_S}, immutable" if v == version else "public, no-cache"
    return Response(data, media_type="text/css; charset=utf-8", headers={"Cache-Control": kept})


def draw(page: str, language: Language, hub: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page."""
    address = f"{CSS_PATH}?v={_css()[1]}"
    names = {"language": language, "hub": hub, "css": address, "words": words()[language], **values}
    return HTMLResponse(_environment().get_template(page).render(names), status, {"X-Robots-Tag": "noindex"})


def message(
    language: Language,
    hub: str,
    name: str,
    *,
    ways: Iterable[tuple[str, str]] = (),
    button: Button | None = None,
    status: int = 200,
    named: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return a page that says one thing: the words ``name`` and ``name_lead``, and the ways from there."""
    said = words()[language]
    says = fill(said[f"{name}_lead"], **(named or {}))
    return draw("message.html", language, hub, status, heading=said[name], says=says, ways=ways, button=button)


def fill(text: str, **values: str) -> str:
    """Put values into words."""
    return text.format_map(values)


@cache
def _css() -> tuple[bytes, str]:
    data = (FOLDER / "page.css").read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["fill"] = fill
    return environment
