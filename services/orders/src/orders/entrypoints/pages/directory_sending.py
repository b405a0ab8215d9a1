"""Sending a form about a store or person: done, or the same form again with what stands in the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import Response

from orders.application.commands import Answer
from orders.domain import errors
from orders.domain.directory import InvalidFields
from orders.entrypoints.idempotency import respond
from orders.entrypoints.pages import directory_words as words
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.directory_forms import Typed
from orders.entrypoints.pages.refusals import Refusal
from orders.entrypoints.pages.site import site


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a page shows besides what is saved: the form as typed, and what there is to say about it."""

    typed: Typed
    refusal: Refusal | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    opened: bool = False
    """Whether the part about deactivating is unfolded."""

    @property
    def status(self) -> int:
        return self.refusal.status if self.refusal else 200


Again = Callable[[Refusal, Mapping[str, str]], Response]


def sent(send: Callable[[], Answer], again: Again, wrong: Mapping[str, str] | None = None) -> Response:
    """Send what was typed unless something is known to be `wrong` with it; `again` draws the form with what to say."""
    try:
        site().forms.require()
    except ForgedForm:
        return again(words.forged(), wrong or {})
    if wrong:
        return again(words.look_again(), wrong)
    try:
        return respond(send())
    except InvalidFields as refused:
        return again(words.look_again(), words.said(refused.flaws))
    except errors.Refused as refused:
        refusal = words.explain(refused)
        if refusal is None:
            raise
        return again(refusal, {})
