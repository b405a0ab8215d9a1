"""Fields of pages as text: without characters that nobody sees, fit to be shown again and kept.

The database takes no NUL, a browser draws none, and a page that shows a control character again is broken by it. Forms
and addresses of pages lose them here, once for all; the API, whose callers are programs, refuses them instead.
"""

from flask import Request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.utils import cached_property

_DELETE = 0x7F
_KEPT = "\t\r\n"


class PageRequest(Request):
    """A request whose fields are text."""

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """Return the query's fields."""
        return self._visible(super().args)

    def _load_form_data(self) -> None:
        # Files and fields are read together: whichever is asked for first, the fields come out of here.
        if "form" not in self.__dict__:
            # Kept as it came: an idempotency key is of the whole body, whoever reads the form before.
            self.get_data(cache=True, parse_form_data=False)
            super()._load_form_data()
            self.__dict__["form"] = self._visible(self.__dict__["form"])

    def _visible(self, fields: MultiDict[str, str]) -> ImmutableMultiDict[str, str]:
        if self.path.startswith("/api/"):
            return ImmutableMultiDict(fields)
        return ImmutableMultiDict([(name, without_controls(value)) for name, value in fields.items(multi=True)])


def field_text(form: MultiDict[str, str], name: str, most: int) -> str:
    """Return a field's text, cut to `most`.

    Browsers send line ends as CRLF; kept that way, a text would change by being looked at.
    """
    return form.get(name, "").replace("\r\n", "\n")[:most]


def without_controls(text: str) -> str:
    """Return a text without control characters; tabs and line ends stay, and so does every letter of every script."""
    if text.isprintable():
        return text
    return "".join(character for character in text if character in _KEPT or not _is_control(character))


def _is_control(character: str) -> bool:
    return character < " " or _DELETE <= ord(character) < _DELETE + 0x21
