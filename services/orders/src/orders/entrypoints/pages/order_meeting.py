"""What was typed meets what the store's order holds by now, as two people or a standing order may have saved it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orders.entrypoints.pages.order_form import TypedOrder, is_same_limit, is_same_quantity


@dataclass(frozen=True, slots=True)
class Met:
    """The form to go on with, and what is to be told about it.

    `taken` are the offers whose line now stands in the form as somebody else saved it; `both` says what was saved of
    those where something else was typed; `taken_limits` and `both_limits` say the same of price limits; `note` is the
    note that was saved where another one was typed.
    """

    typed: TypedOrder
    taken: tuple[str, ...] = ()
    both: Mapping[str, str] | None = None
    taken_limits: Mapping[str, str] | None = None
    both_limits: Mapping[str, str] | None = None
    note: str | None = None

    @property
    def is_news(self) -> bool:
        return bool(self.taken or self.both or self.taken_limits or self.both_limits or self.note is not None)


def meet(typed: TypedOrder, saved: TypedOrder) -> Met:
    """Merge: what one did not touch is as saved, what both touched stays as typed and is told.

    Touched is what differs from what the boxes held when the form was drawn (`typed.was`).
    """
    was = typed.was or TypedOrder()
    quantities, limits = dict(typed.quantities), dict(typed.limits)
    taken, both = [], {}
    for id_ in sorted({*typed.quantities, *was.quantities, *saved.quantities}):
        before, mine, now = (form.quantities.get(id_, "") for form in (was, typed, saved))
        if is_same_quantity(before, now) or is_same_quantity(mine, now):
            continue
        if is_same_quantity(mine, before):
            _put(quantities, id_, now)
            taken.append(id_)
        else:
            both[id_] = now
    taken_limits, both_limits = {}, {}
    for id_ in sorted({*typed.limits, *was.limits, *saved.limits}):
        before, mine, now = (form.limits.get(id_, "") for form in (was, typed, saved))
        if is_same_limit(before, now) or is_same_limit(mine, now):
            continue
        if is_same_limit(mine, before):
            _put(limits, id_, now)
            taken_limits[id_] = now
        else:
            both_limits[id_] = now
    before, mine, now = (_plain(form.note) for form in (was, typed, saved))
    note = saved.note if mine == before else typed.note
    merged = replace(typed, quantities=quantities, limits=limits, note=note, was=saved)
    told = saved.note if now not in (before, mine) and mine != before else None
    return Met(merged, tuple(taken), both, taken_limits, both_limits, told)


def _put(texts: dict[str, str], id_: str, text: str) -> None:
    if text:
        texts[id_] = text
    else:
        texts.pop(id_, None)


def _plain(text: str) -> str:
    # Browsers send line breaks as CR LF, whatever the page had.
    return text.replace("\r\n", "\n").strip()
