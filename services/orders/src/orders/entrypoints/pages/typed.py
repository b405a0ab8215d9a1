"""What somebody typed or pasted into a field, fit to be shown again and kept."""

from werkzeug.datastructures import MultiDict


def typed(form: MultiDict[str, str], name: str, most: int) -> str:
    """Return a field's text without characters that nobody sees and the database takes none of, cut to `most`.

    Browsers send line ends as CRLF; kept that way, a text would change by being looked at.
    """
    return without_controls(form.get(name, "").replace("\r\n", "\n"))[:most]


def without_controls(text: str) -> str:
    return "".join(character for character in text if character >= " " or character in "\t\r\n")
