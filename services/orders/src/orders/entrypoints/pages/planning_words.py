"""Planning's refusals in the reader's words, beside the field they are about."""

from collections.abc import Mapping

from orders.domain import errors
from orders.domain.faults import Fault
from orders.entrypoints.pages.formats import money
from orders.entrypoints.pages.reader import gettext as _


def wrong_of(refused: errors.Invalid) -> Mapping[str, str]:
    """Return a sentence for each field."""
    return {problem.field: _sentence(problem) for problem in refused.errors}


def _sentence(problem: errors.FieldError) -> str:
    code = problem.code if isinstance(problem, Fault) else ""
    figures = dict(problem.figures) if isinstance(problem, Fault) else {}
    if code == "price_range":
        figures = {name: money(int(str(value))) for name, value in figures.items()}
    known = {**_about_days(), **_about_offers()}
    return known.get(code, _("This does not work here.")) % figures


def _about_days() -> Mapping[str, str]:
    return {
        "empty": _("Fill this in."),
        "long": _("At most %(most)s characters."),
        "controls": _("There is something in it that is no text. Type it anew."),
        "opens_range": _("From yesterday to a year ahead."),
        "shut_before": _(
            "These close by themselves before that: %(names)s. Change their own cutoffs first, or open earlier."
        ),
        "cutoff_past": _("This is over already. Choose a time to come."),
        "cutoff_before_opening": _("The cutoff has to come after the opening."),
        "cutoff_far": _("Within a year."),
        "delivery_range": _("From the day of the cutoff to %(most)s days later."),
        "remind_range": _("Between the opening and the cutoff."),
        "packing_range": _("Not before the cutoff."),
    }


def _about_offers() -> Mapping[str, str]:
    return {
        "below_ordered": _("%(ordered)s are ordered already: write %(ordered)s or more."),
        "own_cutoff": _("After now and the opening, and before the cutoff of the market day."),
        "price_range": _("From %(least)s to %(most)s."),
        "number_range": _("From %(least)s to %(most)s."),
        "price_unknown": _("There is no price yet: write one."),
        "no_product": _("This product is not sold any more."),
        "twice": _("This product is in the list twice."),
        "offered_already": _("Offered already: %(names)s"),
        "too_many": _("A market day holds %(most)s offers at most."),
    }
