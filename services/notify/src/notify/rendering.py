"""From a kind, what happened and a reader to words: subject, text and HTML."""

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape

from notify.contacts import Contact
from notify.errors import Unrenderable
from notify.formats import Language, day, moment, money
from notify.kinds.kind import Kind
from notify.readings import Reading
from notify.text import one_line

TEMPLATES = Path(__file__).parent / "kinds"


@dataclass(frozen=True, slots=True)
class Hub:
    """Who writes: the name under every mail, the zone of its times, the address that every link starts with."""

    name: str
    time_zone: ZoneInfo
    public_url: str


@dataclass(frozen=True, slots=True)
class Words:
    """One mail, rendered; the subject is a single line."""

    subject: str
    text: str
    html: str


def render(kind: Kind, about: Reading, reader: Contact, hub: Hub) -> Words:
    """Write the mail in the reader's language.

    Raises:
        Unrenderable: a template is missing or wrong, or lacks a value; this message can never be made.

    """
    names = {"about": about, "reader": reader, "hub": hub, "kind": kind.name}
    environment = _environment(reader.language, hub.time_zone)

    def part(name: str) -> str:
        return environment.get_template(f"{kind.name}/{reader.language}/{name}").render(names)

    try:
        return Words(one_line(part("subject.txt")), part("body.txt").strip() + "\n", part("body.html"))
    except TemplateError as error:
        raise Unrenderable(f"{kind.name} in {reader.language}: {type(error).__name__}: {error}") from error


@cache
def _environment(language: Language, zone: ZoneInfo) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html",), disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["money"] = money
    environment.filters["day"] = partial(day, language=language)
    environment.filters["moment"] = partial(moment, zone=zone, language=language)
    return environment
