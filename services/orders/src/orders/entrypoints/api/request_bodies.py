"""The JSON that the API takes in, checked strictly."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from flask import request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from orders.application.reasons import MAX_REASON_CHARACTERS
from orders.domain.errors import FieldError, Invalid
from orders.domain.order import MAX_LINES, MAX_NOTE_CHARACTERS, MAX_QUANTITY, LineRequest, OnShortage

MAX_PRICE_CENTS = 2_147_483_647
MAX_ERRORS = 50


def _normal(text: str) -> str:
    return str(UUID(text))


def _without_controls(text: str) -> str:
    if any(ord(character) < ord(" ") and character not in "\t\r\n" for character in text):
        raise ValueError("control characters are not text")
    return text


Id = Annotated[str, Field(json_schema_extra={"format": "uuid"}), AfterValidator(_normal)]
Note = Annotated[str, Field(max_length=MAX_NOTE_CHARACTERS), AfterValidator(_without_controls)]
Reason = Annotated[
    str,
    Field(
        max_length=MAX_REASON_CHARACTERS,
        description='Why, for the order\'s history. Staff say "by phone" for what a store ordered on the phone.',
    ),
    AfterValidator(_without_controls),
]
Cents = Annotated[int, Field(ge=0, le=MAX_PRICE_CENTS)]


class In(BaseModel):
    """A body taken in: unknown fields are refused, because a misspelt guard would guard nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def of_request(cls, *, optional: bool = False) -> Self:
        """Read the request's JSON, where `optional` no body is an empty one; raise Invalid naming every bad field."""
        if optional and not request.get_data():
            return cls()
        if request.mimetype != "application/json":
            raise UnsupportedMediaType("send application/json")
        try:
            return cls.model_validate_json(request.get_data())
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
            raise Invalid(*(_field_error(problem) for problem in found)) from error


def _field_error(problem: Mapping[str, Any]) -> FieldError:
    return FieldError(".".join(str(part) for part in problem["loc"]) or "body", problem["msg"])


class LineIn(In):
    offer_id: Id
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
    expected_unit_price_cents: Annotated[
        Cents | None,
        Field(
            description="Refuse (price-changed) unless this is today's price or, for a placed line that doesn't grow,"
            " the agreed one. A placed line keeps its price until it grows; then all of it is at today's."
        ),
    ] = None
    max_unit_price_cents: Annotated[
        Cents | None,
        Field(
            description="Drop the line, with notice, when the price is above this, now or later. Left out of a change,"
            " the line keeps its limit; null takes it away."
        ),
    ] = None

    def wish(self) -> LineRequest:
        """Return the line as the use case takes it."""
        keeps_limit = "max_unit_price_cents" not in self.model_fields_set
        return LineRequest(
            self.offer_id, self.quantity, self.expected_unit_price_cents, self.max_unit_price_cents, keeps_limit
        )


class OrderChange(In):
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=MAX_LINES)]
    note: Note | None = None
    reason: Reason = ""
    on_shortage: Literal["reject", "partial"] = "reject"

    def wishes(self) -> tuple[LineRequest, ...]:
        """Return the lines as the use case takes them."""
        return tuple(line.wish() for line in self.lines)

    def shortage_rule(self) -> OnShortage:
        """Return what to do about a shortage."""
        return OnShortage(self.on_shortage)


class NewOrder(OrderChange):
    cycle_id: Id
    store_id: Id
