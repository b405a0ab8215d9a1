"""From a kind, what happened and a reader to words: subject, text and HTML."""

import hashlib
import re
from dataclasses import dataclass, field
from functools import cache, partial
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape

from notify.errors import Unrenderable
from notify.kinds.kind import Kind
from notify.readings import Reading
from notify.recipients.contacts import Contact
from notify.recipients.links import MailLinks
from notify.text import one_line
from notify.writing.formats import Language, clock, day, moment, money

TEMPLATES = Path(__file__).parent.parent / "kinds"
# In our own templates values are escaped, so that no typed word can hold these.
_PLACES = re.compile(r'(?:href|src|action|background)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Hub:
    """Who writes: what stands under every mail, the zone of its times, the URL that every link starts with."""

    name: str
    time_zone: ZoneInfo
    public_url: str
    address: str = ""
    """Where the hub is, on one line; empty: not told."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a mail shows beside its words."""

    png: bytes = field(repr=False)

    @property
    def content_id(self) -> str:
        """Return the name by which the HTML refers to it, the same for the same picture."""
        return f"{hashlib.sha256(self.png).hexdigest()[:32]}@mercadito"


@dataclass(frozen=True, slots=True)
class Words:
    """One mail, rendered; the subject is a single line."""

    subject: str
    text: str
    html: str
    picture: Picture | None = None


@cache
def title(kind: str, language: Language) -> str:
    """Return what people call this kind of mail."""
    return one_line((TEMPLATES / kind / language / "name.txt").read_text(encoding="utf-8"))


def render(
    kind: Kind,
    about: Reading,
    reader: Contact,
    hub: Hub,
    links: MailLinks | None = None,
    *,
    picture: Picture | None = None,
) -> Words:
    """Write the mail in the reader's language.

    Args:
        kind: what it is.
        about: what happened.
        reader: who reads it.
        hub: who writes.
        links: by which the reader decides what comes.
        picture: what it shows; a kind that has one says all it says in words as well.

    Raises:
        Unrenderable: a template is missing or wrong, or lacks a value, or a link leads away from the hub; this message
            can never be made.

    """
    names = {"about": about, "reader": reader, "hub": hub, "kind": kind.name, "links": links, "picture": picture}
    environment = _environment(reader.language, hub.time_zone)

    def part(name: str) -> str:
        return environment.get_template(f"{kind.name}/{reader.language}/{name}").render(names)

    try:
        ways = environment.get_template("links.txt").render(names) if links else ""
        body = _with_address(part("body.txt"), hub) + ways
        words = Words(one_line(part("subject.txt")), body, part("body.html"), picture)
    except TemplateError as error:
        raise Unrenderable(f"{kind.name} in {reader.language}: {type(error).__name__}: {error}") from error
    if _leads_away(words, hub):
        # Not the link itself: it may be one that opens an account.
        raise Unrenderable(f"{kind.name} in {reader.language}: a link leads away from the hub")
    return words


def _with_address(body: str, hub: Hub) -> str:
    return "\n".join(filter(None, (body.strip(), hub.address))) + "\n"


def _leads_away(words: Words, hub: Hub) -> bool:
    """Tell whether the HTML refers to anything but the hub's own pages and the picture that comes along."""
    home = urlsplit(hub.public_url)
    inside = f"{home.scheme}://{home.netloc}/"
    own = None if words.picture is None else f"cid:{words.picture.content_id}"
    found = (place for place in _PLACES.findall(words.html) if not place.startswith(inside) and place != own)
    places = (urlsplit(unescape(place)) for place in found)
    return any((place.scheme, place.netloc) != (home.scheme, home.netloc) for place in places)


@cache
def _environment(language: Language, zone: ZoneInfo) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html",), disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # They change with the version alone: no look at each file for each mail.
        auto_reload=False,
    )
    environment.filters["money"] = money
    environment.filters["day"] = partial(day, language=language)
    environment.filters["moment"] = partial(moment, zone=zone, language=language)
    environment.filters["clock"] = partial(clock, zone=zone, language=language)
    return environment
