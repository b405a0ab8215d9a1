"""What the pages say about products: what is wrong with a value, what a field is called, how a price is worked out."""

from collections.abc import Mapping
from decimal import Decimal

from orders.application.product_queries import ProductView, SeriesView
from orders.application.product_text import plain
from orders.application.queries import Change
from orders.domain import errors, packs
from orders.domain.product import Fault, Rule
from orders.entrypoints.pages.formats import money
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import locale
from orders.entrypoints.pages.refusals import CONFLICT, FORBIDDEN, PRECONDITION_FAILED, UNPROCESSABLE, Refusal

CENTS = Decimal("0.01")
TIMES = "\u00d7"


def sentence(fault: Fault) -> str:
    """Say what is wrong with a value."""
    said = {**_of_values(), **_of_files()}[fault.rule]
    return said % {"bound": fault.bound} if fault.bound else said


def _of_values() -> Mapping[Rule, str]:
    return {
        Rule.MISSING: _("This is missing."),
        Rule.TOO_LONG: _("Too long: %(bound)s characters fit."),
        Rule.NOT_TEXT: _("There is a character in it that can't be shown. Type it anew."),
        Rule.NOT_AN_ID: _("This is no id."),
        Rule.NOT_A_NUMBER: _("This is no number. Write it as 12.50."),
        Rule.NOT_WHOLE: _("Write a whole number."),
        Rule.TOO_PRECISE: _("At most %(bound)s digits after the point."),
        Rule.TOO_LITTLE: _("At least %(bound)s."),
        Rule.TOO_MUCH: _("At most %(bound)s."),
        Rule.BELOW_FLOOR: _("The highest price can not be below the lowest."),
        Rule.DECIMAL_COMMA: _("Write a point, not a comma: 12.5."),
        Rule.NOT_IN_PER_CENT: _("Write it in per cent: 95, not 0.95."),
        Rule.NOT_YES_OR_NO: _("Write yes or no."),
        Rule.A_DATE: _("A spreadsheet has made a date of it. Format the cell as text and type it again."),
        Rule.SPREADSHEET_ERROR: _("This is an error of the spreadsheet, not a value."),
    }


def _of_files() -> Mapping[Rule, str]:
    return {
        Rule.UNKNOWN_ID: _("No product has this id. Leave it empty to make a new one."),
        Rule.SAME_AS_LINE: _("The same product as in line %(bound)s."),
        Rule.AMBIGUOUS: _("%(bound)s products have this name and pack. Say which one by its id."),
        Rule.NOT_UTF8: _("The file is not UTF-8. Save it as “CSV UTF-8” and send it again."),
        Rule.EMPTY_FILE: _(
            "There are no products in it. The first line names the columns, each other line is a product."
        ),
        Rule.TOO_MANY_ROWS: _("At most %(bound)s products in one file. Split it."),
        Rule.BROKEN_QUOTES: _("A quotation mark is not closed, or stands inside a cell."),
        Rule.UNKNOWN_COLUMN: _("There is no such column. The page before this one lists those there are."),
        Rule.COLUMN_TWICE: _("This column is there twice."),
        Rule.COLUMN_MISSING: _("This column is missing; so is the id, and one of them is needed."),
        Rule.TOO_MANY_CELLS: _(
            "There are more cells than columns. Is a text with a comma missing its quotation marks?"
        ),
    }


def field_name(field: str) -> str:
    """Name a field of a product, as the form, a file or the trail calls it."""
    names = {
        "id": _("Id"),
        "name": _("Name in English"),
        "name_es": _("Name in Spanish"),
        "category": _("Category"),
        "pack": _("Pack"),
        "series_id": _("Market series"),
        "units_per_package": _("Units in a package"),
        "yield_percent": _("Share that can be sold"),
        "markup_percent": _("Markup"),
        "floor": _("Lowest price"),
        "ceiling": _("Highest price"),
        "case_size": _("Sold by the case of"),
        "active": _("Can be offered"),
        "file": _("File"),
    }
    columns = {
        "yield_share": "yield_percent",
        "markup": "markup_percent",
        "floor_cents": "floor",
        "ceiling_cents": "ceiling",
    }
    return names.get(columns.get(field, field), field)


def value_said(field: str, value: object) -> str:
    """Write a value of the trail or of a plan as the form would."""
    if value is None or value == "":
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if field in ("yield_share", "markup"):
        return share(Decimal(str(value)))
    if field in ("floor_cents", "ceiling_cents"):
        return money(int(str(value)))
    if field == "category":
        return packs.category_in(str(value), locale())
    return str(value)


def change_said(change: Change) -> str:
    """Say one change of the trail; series are only ids here, which say nothing to a reader."""
    name = field_name(change.field)
    if change.field == "series_id":
        return (
            _("%(field)s: removed") % {"field": name} if change.new is None else _("%(field)s: set") % {"field": name}
        )
    new, old = value_said(change.field, change.new), value_said(change.field, change.old)
    if change.old is None:
        return _("%(field)s: %(new)s") % {"field": name, "new": new}
    return _("%(field)s: %(new)s instead of %(old)s") % {"field": name, "new": new, "old": old}


def share(value: Decimal) -> str:
    """Write a share in per cent: "95 %"."""
    return f"{plain(value * 100)}\u00a0%"


def signed(number: Decimal) -> str:
    """Write a number with its sign."""
    return f"{number:+,f}".replace("-", "\u2212")


def series_name(series: SeriesView) -> str:
    """Name a series in one line."""
    quote = series.quote
    return ", ".join(part for part in (quote.commodity, quote.variety, quote.package, quote.size) if part)


def usd(price: Decimal) -> str:
    """Write a market price in dollars, with more than cents only where it has more."""
    return f"${price:,.2f}" if price == price.quantize(CENTS) else f"${price.normalize():,f}"


def worked_out(view: ProductView) -> str | None:
    """Write how the suggested price comes about, as one would on paper: reference, units, yield, markup, price."""
    if view.quote is None or view.suggestion is None:
        return None
    product, priced = view.product, view.suggestion
    return (
        f"{usd(view.quote.reference)} ÷ ({plain(product.units_per_package)} {TIMES} {share(product.yield_share)})"
        f" {TIMES} {plain(1 + product.markup)} = {money(priced.unbounded_cents)}"
    )


def changed_meanwhile() -> Refusal:
    """Say that somebody else saved the product while this form was open."""
    return Refusal(
        PRECONDITION_FAILED,
        _("Somebody changed this product in the meantime."),
        _("What you typed is below, and beside it what is saved by now. Save again to keep yours."),
    )


def some_fields() -> Refusal:
    """Say that the form needs a look."""
    return Refusal(UNPROCESSABLE, _("Some fields need a look."), _("Nothing was saved yet."))


def nothing_chosen() -> Refusal:
    """Say that none of the series found was marked."""
    return Refusal(UNPROCESSABLE, _("Choose one of the series first."), _("Nothing was saved yet."))


def forged() -> Refusal:
    """Say that the page is of an older session."""
    return Refusal(FORBIDDEN, _("Please send it once more."), _("This page had been open for a while."))


def sent_before(refused: errors.Refused) -> Refusal | None:
    """Say that a form came twice; None for other refusals."""
    if isinstance(refused, errors.KeyInFlight):
        return Refusal(CONFLICT, _("This is being saved right now."), _("Wait a moment, then look at the product."))
    if isinstance(refused, errors.KeyReused):
        title = _("This form was already sent once.")
        return Refusal(
            UNPROCESSABLE, title, _("The first sending counted. To change it further, send this form again.")
        )
    return None


def saved_meanwhile(typed: Mapping[str, str], kept: Mapping[str, str]) -> Mapping[str, str]:
    """Say beside each field that differs what is saved there by now."""
    return {
        name: _("Saved by now: %(value)s") % {"value": kept[name] or _("none")}
        for name, text in typed.items()
        if name != "series_id" and text.strip() != kept[name]
    }
