"""``/mail/gallery``: every kind of mail, made of its sample, in both languages, as HTML and as text; for staff."""

import json
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from notify.api.mail_pages import Desk
from notify.api.signed_in import READING
from notify.api.small_pages import draw, message, words
from notify.api.staff_pages import language_for, let_in
from notify.kinds import kinds
from notify.kinds.kind import Group
from notify.recipients.contacts import Contact
from notify.recipients.links import MailLinks
from notify.writing.formats import LANGUAGES, Language
from notify.writing.rendering import TEMPLATES, Picture, Words, render, title

PATH: Final = "/mail/gallery"
READER_NAME: Final = "Lupe Peña"
SAMPLE_STORES: Final = ("sample-store",)
# The samples' own address; here their links lead to this hub.
SAMPLE_URL: Final = "https://mercadito.example"
# The gateway says the same of these addresses, since it hides what services say.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


def routes(desk: Desk) -> APIRouter:
    """Return the pages."""
    router = APIRouter(include_in_schema=False)

    def for_staff(request: Request, page: Callable[[Language], Response]) -> Response:
        reader = let_in(desk, request, back=PATH)
        return reader if isinstance(reader, Response) else page(language_for(desk, request, reader))

    def gallery(request: Request) -> Response:
        return for_staff(request, lambda reading: _list(desk, reading))

    def one(request: Request, kind: str, language: Language) -> Response:
        return for_staff(request, lambda reading: _one(desk, reading, kind, language))

    def mail(request: Request, kind: str, language: Language) -> Response:
        return for_staff(request, lambda reading: _mail(desk, reading, kind, language))

    router.add_api_route(PATH, gallery, methods=READING)
    router.add_api_route(f"{PATH}/{{kind}}/{{language}}", one, methods=READING)
    router.add_api_route(f"{PATH}/{{kind}}/{{language}}/mail", mail, methods=READING)
    return router


def written(desk: Desk, kind: str, language: Language) -> Words:
    """Write a kind's sample as somebody would get it; its links decide nothing."""
    of = kinds()[kind]
    sample = _sample(kind).replace(SAMPLE_URL, desk.hub.public_url)
    about = of.reading.of(json.loads(sample))
    own = f"{desk.hub.public_url}{PATH}"
    links = MailLinks(preferences=own, unsubscribe=own if of.group.is_optional else "")
    reader = Contact("sample", "lupe@tienda.example", READER_NAME, language, SAMPLE_STORES)
    return render(of, about, reader, desk.hub, links, picture=_sample_picture(kind, language))


@cache
def _sample_picture(kind: str, language: Language) -> Picture | None:
    # Drawn once in a process: the sample does not change.
    of = kinds()[kind]
    png = of.draw(of.reading.of(json.loads(_sample(kind))), language) if of.draw else None
    return None if png is None else Picture(png)


def _sample(kind: str) -> str:
    return (TEMPLATES / kind / "sample.json").read_text(encoding="utf-8")


def _standing_alone(mail: Words) -> str:
    """Return the HTML as a browser can show it: with its picture inside."""
    if mail.picture is None:
        return mail.html
    shown = f"data:image/png;base64,{b64encode(mail.picture.png).decode()}"
    return mail.html.replace(f"cid:{mail.picture.content_id}", shown)


def _list(desk: Desk, language: Language) -> Response:
    said = words()[language]
    groups = [
        (said[f"of_{group.value}"], [(kind.name, title(kind.name, language)) for kind in kinds().values()
                                     if kind.group is group])
        for group in Group
    ]  # fmt: skip
    shown = [(heading, sorted(named, key=lambda pair: pair[1])) for heading, named in groups if named]
    return draw("gallery.html", language, desk.hub.name, groups=shown, path=PATH, languages=LANGUAGES)


def _one(desk: Desk, language: Language, kind: str, shown: Language) -> Response:
    if kind not in kinds():
        return message(language, desk.hub.name, "gallery_missing", status=404)
    mail = written(desk, kind, shown)
    address = f"{PATH}/{kind}/{shown}/mail"
    heading, hub = title(kind, language), desk.hub.name
    return draw("gallery_mail.html", language, hub, heading=heading, mail=mail, address=address, path=PATH, shown=shown)


def _mail(desk: Desk, language: Language, kind: str, shown: Language) -> Response:
    if kind not in kinds():
        return message(language, desk.hub.name, "gallery_missing", status=404)
    return HTMLResponse(_standing_alone(written(desk, kind, shown)), headers={"Content-Security-Policy": POLICY})
