"""Which part of the offers a request asks for: by its address, or by the button of the order form that was pressed."""

from collections.abc import Mapping
from urllib.parse import urlencode

from orders.application.shop import MAX_SEARCH_CHARACTERS, View

MAX_CATEGORY_CHARACTERS = 80
MAX_PAGE_DIGITS = 5


def asked_view(arguments: Mapping[str, str]) -> View:
    """Read the address of a view; what makes no sense counts as not given."""
    return View(_category(arguments.get("category")), searched_text(arguments.get("q")), _page(arguments.get("page")))


def pressed_view(form: Mapping[str, str]) -> View:
    """Read the view that a button of the form leads to; with another button it stays the one that was shown.

    Choosing a category ends the search, and a search looks through all categories.
    """
    if "category" in form:
        return View(_category(form.get("category")))
    if "find" in form:
        return View(text=searched_text(form.get("q")))
    shown = View(_category(form.get("view_category")), searched_text(form.get("view_q")), _page(form.get("view_page")))
    return View(shown.category, shown.text, _page(form.get("page"))) if "page" in form else shown


def address(store_id: str, view: View) -> str:
    """Write the address of a view, to come back to it."""
    parts = {"store": store_id, "category": view.category, "q": view.text, "page": view.page if view.page > 1 else None}
    return f"/order?{urlencode({name: value for name, value in parts.items() if value})}"


def _category(given: str | None) -> str | None:
    return _sound(given or "", MAX_CATEGORY_CHARACTERS) or None


def searched_text(given: str | None) -> str:
    """Take over the words of a search as far as they are any."""
    return _sound(given or "", MAX_SEARCH_CHARACTERS).strip()


def _page(given: str | None) -> int:
    text = given or ""
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) <= MAX_PAGE_DIGITS else 1


def _sound(text: str, most: int) -> str:
    # The database takes no NUL and no half of a surrogate pair.
    return "".join(character for character in text[:most] if character.isprintable())
