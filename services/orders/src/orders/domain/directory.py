"""Stores and the people of the hub: what may stand in their fields, and who may change whom."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from orders.domain.errors import FieldError, Forbidden, Invalid
from orders.domain.people import Actor, Role

MAX_STORE_NAME_CHARACTERS = 100
MAX_ROUTE_CHARACTERS = 60
MAX_STOP = 9_999
MAX_PHONE_CHARACTERS = 40
MAX_ADDRESS_CHARACTERS = 300
MAX_PERSON_NAME_CHARACTERS = 100
MAX_EMAIL_CHARACTERS = 254
MAX_LOCAL_PART_CHARACTERS = 64
MAX_PEOPLE_OF_STORE = 100
# Each is named in the identity cookie, and browsers drop a cookie above 4 kB.
MAX_STORES_OF_PERSON = 50
LOCALES = ("en", "es")

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
# Controls, halves of characters, separators of lines; and what turns the text after it around.
_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Flaw(StrEnum):
    """What can be wrong with a field; pages have a sentence for each, the API says it in English."""

    MISSING = "must not be empty"
    TOO_LONG = "is too long"
    NO_TEXT = "holds characters that are not text"
    OUT_OF_RANGE = "must be a whole number from 0 to 9999"
    NO_EMAIL = "is not an e-mail address that mail can be sent to"
    TAKEN = "is taken"
    NO_CHOICE = "is none of the choices"
    UNKNOWN = "is not known here"
    TOO_MANY = "are too many"
    ONESELF = "nobody can do this to themselves"
    LAST_ADMIN = "somebody has to stay admin"
    NOT_INVITED = "has chosen a password already, or was deactivated"


@dataclass(frozen=True, slots=True)
class Flawed:
    """A field and what is wrong with it; `limit` is the bound that was passed, `value` which of several it was."""

    field: str
    flaw: Flaw
    limit: int = 0
    value: str = ""

    @property
    def error(self) -> FieldError:
        bound = f": at most {self.limit}" if self.limit else ""
        return FieldError(self.field, f"{self.flaw.value}{bound}")


class InvalidFields(Invalid):
    """`Invalid` that also tells what is wrong in a form that can be translated."""

    def __init__(self, *flaws: Flawed) -> None:
        super().__init__(*(flaw.error for flaw in flaws))
        self.flaws = flaws


@dataclass(frozen=True, slots=True)
class Store:
    """A store; `stop` is its place on the route, `people` the ids of those who may order for it."""

    id: str
    name: str
    route: str
    stop: int
    phone: str
    address: str
    active: bool
    wants_reminder: bool
    version: int
    people: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Person:
    """A person; without a password one was invited and has not come yet. `stores` are ids, inactive stores included."""

    id: str
    name: str
    email: str
    locale: str
    role: Role
    active: bool
    version: int
    has_password: bool = False
    stores: frozenset[str] = frozenset()


def tidy(text: str, *, lines: bool = False) -> str:
    """Return a text as it is kept: composed, trimmed, runs of blanks as one; `lines` keeps line breaks."""
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip(" \t\n")
    if lines:
        return "\n".join(tidy(line) for line in composed.split("\n"))
    return re.sub("[ \t]+", " ", composed)


def only_text(text: str) -> str:
    """Return a text without the characters that `Flaw.NO_TEXT` is about; line breaks stay."""
    return "".join(character for character in text if character == "\n" or not _is_strange(character))


def tidy_email(text: str) -> str:
    return text.strip(" \t\n").lower()


def store_flaws(store: Store) -> list[Flawed]:
    """Name everything that is wrong with a store's own fields."""
    return [
        *_text_flaws("name", store.name, MAX_STORE_NAME_CHARACTERS, required=True),
        *_text_flaws("route", store.route, MAX_ROUTE_CHARACTERS),
        *([] if 0 <= store.stop <= MAX_STOP else [Flawed("stop", Flaw.OUT_OF_RANGE)]),
        *_text_flaws("phone", store.phone, MAX_PHONE_CHARACTERS),
        *_text_flaws("address", store.address, MAX_ADDRESS_CHARACTERS, lines=True),
        *_count_flaws("people", store.people, MAX_PEOPLE_OF_STORE),
    ]


def person_flaws(person: Person) -> list[Flawed]:
    """Name everything that is wrong with a person's own fields."""
    return [
        *_text_flaws("name", person.name, MAX_PERSON_NAME_CHARACTERS, required=True),
        *_email_flaws(person.email),
        *([] if person.locale in LOCALES else [Flawed("locale", Flaw.NO_CHOICE)]),
        *_count_flaws("stores", person.stores, MAX_STORES_OF_PERSON),
    ]


def require_no_flaws(flaws: Iterable[Flawed]) -> None:
    found = tuple(flaws)
    if found:
        raise InvalidFields(*found)


def may_manage(actor: Actor, role: Role) -> bool:
    """Tell whether the actor may invite and change people of this role: staff manage buyers, admins everyone."""
    return actor.role is Role.ADMIN or (actor.is_staff and role is Role.BUYER)


def require_to_manage(actor: Actor, *roles: Role) -> None:
    if not all(may_manage(actor, role) for role in roles):
        raise Forbidden("only an admin may do this to staff")


def loses_rights(was: Role, now: Role) -> bool:
    rank = {Role.BUYER: 0, Role.STAFF: 1, Role.ADMIN: 2}
    return rank[now] < rank[was]


def _text_flaws(field: str, text: str, most: int, *, required: bool = False, lines: bool = False) -> list[Flawed]:
    if not text:
        return [Flawed(field, Flaw.MISSING)] if required else []
    if len(text) > most:
        return [Flawed(field, Flaw.TOO_LONG, most)]
    if any(_is_strange(character) for character in text if not (lines and character == "\n")):
        return [Flawed(field, Flaw.NO_TEXT)]
    # Joiners and marks alone would be a name that nobody can see or click.
    visible = any(unicodedata.category(character)[0] in "LNPS" for character in text)
    return [] if visible else [Flawed(field, Flaw.MISSING if required else Flaw.NO_TEXT)]


def _is_strange(character: str) -> bool:
    return unicodedata.category(character) in _NO_TEXT or character in _TURNING


def _email_flaws(email: str) -> list[Flawed]:
    if not email:
        return [Flawed("email", Flaw.MISSING)]
    if len(email) > MAX_EMAIL_CHARACTERS:
        return [Flawed("email", Flaw.TOO_LONG, MAX_EMAIL_CHARACTERS)]
    local = email.rpartition("@")[0]
    if len(local) > MAX_LOCAL_PART_CHARACTERS or not _EMAIL.fullmatch(email):
        return [Flawed("email", Flaw.NO_EMAIL)]
    return []


def _count_flaws(field: str, found: frozenset[str], most: int) -> list[Flawed]:
    return [Flawed(field, Flaw.TOO_MANY, most)] if len(found) > most else []
