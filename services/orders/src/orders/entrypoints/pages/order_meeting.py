"""What was typed meets what the store's order holds by now, as two people or a standing order may have saved it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from orders.entrypoints.pages.order_form import TypedOrder, is_same_limit, is_same_quantity


@dataclass(frozen=True, slots=True)
class Texts:
    """The boxes of one kind by offer, as they go on, and what was saved of those that somebody else changed.

    `taken` now stand in the form as they were saved; in `both` something else had been typed, which stays.
    """

    texts: Mapping[str, str]
    taken: Mapping[str, str]
    both: Mapping[str, str]

    @property
    def is_news(self) -> bool:
        return bool(self.taken or self.both)


@dataclass(frozen=True, slots=True)
class Met:
    """The form to go on with, and what is to be told about it; `note` was saved where another one was typed."""

    typed: TypedOrder
    quantities: Texts
    limits: Texts
    note: str | None

    @property
    def is_news(self) -> bool:
        return self.quantities.is_news or self.limits.is_news or self.note is not None


def meet(typed: TypedOrder, saved: TypedOrder) -> Met:
    """Merge: what one did not touch is as saved, what both touched stays as typed and is told.

    Touched is what differs from what the boxes held when the form was drawn (`typed.was`).
    """
    was = typed.was or TypedOrder()
    quantities = _meet_each(was.quantities, typed.quantities, saved.quantities, is_same_quantity)
    limits = _meet_each(was.limits, typed.limits, saved.limits, is_same_limit)
    before, mine, now = (_plain(form.note) for form in (was, typed, saved))
    note = saved.note if mine == before else typed.note
    merged = replace(typed, quantities=quantities.texts, limits=limits.texts, note=note, was=saved)
    told = saved.note if now not in (before, mine) and mine != before else None
    return Met(merged, quantities, limits, told)


def _meet_each(
    was: Mapping[str, str], typed: Mapping[str, str], saved: Mapping[str, str], is_same: Callable[[str, str], bool]
) -> Texts:
    texts, taken, both = dict(typed), {}, {}
    for id_ in sorted({*typed, *was, *saved}):
        before, mine, now = (form.get(id_, "") for form in (was, typed, saved))
        if is_same(before, now) or is_same(mine, now):
            continue
        if is_same(mine, before):
            _put(texts, id_, now)
            taken[id_] = now
        else:
            both[id_] = now
    return Texts(texts, taken, both)


def _put(texts: dict[str, str], id_: str, text: str) -> None:
    if text:
        texts[id_] = text
    else:
        texts.pop(id_, None)


def _plain(text: str) -> str:
    # Browsers send line breaks as CR LF, whatever the page had.
    return text.replace("\r\n", "\n").strip()
