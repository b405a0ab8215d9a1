"""The form of a market day's plan: filled, read, and always shown again as it was typed."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from orders.domain.cycle import Cycle
from orders.domain.planning import Plan, usual_packing_at
from orders.entrypoints.pages.directory_forms import WAS
from orders.entrypoints.pages.directory_forms import Typed as Merging
from orders.entrypoints.pages.typed import Typed, local_text

FIELDS = ("name", "opens_at", "cutoff_at", "delivery_on", "remind_at", "packing_at")


def filled(plan: Plan, zone: ZoneInfo) -> dict[str, str]:
    """Return the texts of a form that shows a plan; a reminder at the usual time is left empty."""
    return {
        "name": plan.name,
        "opens_at": local_text(plan.opens_at, zone),
        "cutoff_at": local_text(plan.cutoff_at, zone),
        "delivery_on": plan.delivery_on.isoformat(),
        "remind_at": local_text(plan.remind_at, zone),
        "packing_at": local_text(plan.packing_at, zone),
    }


def kept(form: Mapping[str, str]) -> dict[str, str]:
    """Return what was typed, to be shown again."""
    return {name: form.get(name, "")[:200] for name in FIELDS}


def met(
    form: Mapping[str, str], saved: Mapping[str, str], changeable: Collection[str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return a refused form of a plan merged with what is saved now, and what to tell beside fields both changed."""
    return merged(form, saved, [name for name in FIELDS if name in changeable and name in form])


def merged(
    form: Mapping[str, str], saved: Mapping[str, str], fields: Collection[str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Do so for any form whose hidden fields say what the others held; without these all of it counts as typed."""
    typed = Merging.posted(MultiDict(form), fields)
    if not any(f"{WAS}{name}" in form for name in fields):
        return {**saved, **typed.values}, {}
    met = typed.meeting({name: saved[name] for name in fields}, frozenset(), 0)
    readable = {name: text.replace("T", " ") if name.endswith("_at") else text for name, text in met.saved.items()}
    return {**saved, **met.values}, replace(met, saved=readable).told()


def read_plan(typed: Typed) -> dict[str, Any]:
    """Read the whole form; an empty packing time is the usual one, which the use case knows."""
    values: dict[str, Any] = {
        "name": typed.text("name").strip(),
        "opens_at": typed.moment("opens_at"),
        "cutoff_at": typed.moment("cutoff_at"),
        "delivery_on": typed.day("delivery_on"),
        "remind_at": typed.moment("remind_at", required=False),
    }
    packing_at = typed.moment("packing_at", required=False)
    return values if packing_at is None else {**values, "packing_at": packing_at}


def read_changes(typed: Typed, cycle: Cycle, may_change: frozenset[str]) -> dict[str, Any]:
    """Read the fields that differ from what the market day has; seconds that a field does not show are no change."""
    shown = filled(Plan.of(cycle), typed.zone)
    changed = {
        name for name in FIELDS if name in may_change and name in typed.texts and typed.text(name) != shown[name]
    }
    asked = Typed({name: typed.texts[name] for name in changed}, typed.zone, typed.wrong)
    changes: dict[str, Any] = {}
    for name in sorted(changed):
        if name == "name":
            changes[name] = asked.text(name).strip()
        elif name == "delivery_on":
            changes[name] = asked.day(name)
        else:
            changes[name] = asked.moment(name, required=name not in ("remind_at", "packing_at"))
    if not typed.wrong and changes.get("packing_at", typed) is None:
        delivery_on, cutoff_at = (changes.get(name, getattr(cycle, name)) for name in ("delivery_on", "cutoff_at"))
        changes["packing_at"] = usual_packing_at(delivery_on, cutoff_at, typed.zone)
    return changes
