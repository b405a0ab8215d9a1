"""Words for the scripts: a page hands them over translated, so that no script holds a sentence of its own.

Where a number decides the form, there are two: `one` and `other`, chosen in the browser by `Intl.PluralRules`.
"""

from collections.abc import Mapping

from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import ngettext

Words = Mapping[str, str | Mapping[str, str]]


def order_page_words() -> Words:
    """Return what order-page.js says."""
    return {
        "left": both(ngettext("%(num)s left", "%(num)s left", 1), ngettext("%(num)s left", "%(num)s left", 2)),
        "soldOut": _("Sold out"),
        "plenty": _("Plenty"),
        "caseOf": _("bought by the case of %(num)s"),
        "caseMissing": both(
            ngettext("%(num)s more for a full case", "%(num)s more for a full case", 1),
            ngettext("%(num)s more for a full case", "%(num)s more for a full case", 2),
        ),
        "caseFull": _("the case is full"),
        "closedOffer": _("Closed"),
        "closedUnsaved": _("Closed before you saved. If this is refused, save again: the rest counts then."),
        "priceNow": _("now %(price)s"),
        "notLoaded": _("That did not load. What you typed is safe: try again."),
        "products": both(
            ngettext("%(num)s product", "%(num)s products", 1), ngettext("%(num)s product", "%(num)s products", 2)
        ),
        "nowLeft": both(
            ngettext("%(name)s: %(num)s left.", "%(name)s: %(num)s left.", 1),
            ngettext("%(name)s: %(num)s left.", "%(name)s: %(num)s left.", 2),
        ),
        "nowSoldOut": _("%(name)s: sold out."),
        "nowPrice": _("%(name)s: the price is now %(price)s."),
        "andMore": both(
            ngettext("And %(num)s more change.", "And %(num)s more changes.", 1),
            ngettext("And %(num)s more change.", "And %(num)s more changes.", 2),
        ),
        "onlyLeft": both(
            ngettext("Only %(num)s left for you.", "Only %(num)s left for you.", 1),
            ngettext("Only %(num)s left for you.", "Only %(num)s left for you.", 2),
        ),
        "noneLeft": _("None left for you."),
        "atMost": _("At most %(num)s for each store."),
        "found": both(
            ngettext("%(num)s product found", "%(num)s products found", 1),
            ngettext("%(num)s product found", "%(num)s products found", 2),
        ),
        "stale": _("No connection: stock and prices may be out of date. You can still order."),
        **_company_words(),
        "closed": _("Ordering is closed"),
        "closedNow": _("The cutoff has passed: ordering is closed."),
        "sending": _("Sending…"),
        **countdown_words(),
    }


def board_words() -> Words:
    """Return what board.js says."""
    return {
        "stale": _("No connection: the board may be out of date."),
        **_company_words(),
        "closed": _("Closed"),
        **countdown_words(),
    }


def countdown_words() -> Words:
    """Return the words around the figures of a countdown."""
    return {
        "days": both(ngettext("%(num)s day", "%(num)s days", 1), ngettext("%(num)s day", "%(num)s days", 2)),
        "hours": _("%(num)s h"),
        "minutes": _("%(num)s min"),
    }


def _company_words() -> Words:
    return {
        "viewers": both(
            ngettext("%(num)s person is looking", "%(num)s people are looking", 1),
            ngettext("%(num)s person is looking", "%(num)s people are looking", 2),
        ),
    }


def both(one: str, other: str) -> Mapping[str, str]:
    """Return the two forms of a sentence for the browser to choose from."""
    return {"one": one, "other": other}
