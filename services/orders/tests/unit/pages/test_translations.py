"""A message without Spanish, words written straight into a template, a translation nobody asks for: all fail."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from orders.entrypoints.pages import translations

SERVICE = Path(__file__).resolve().parents[3]
PACKAGE = SERVICE / "src" / "orders"
TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))
PLACE = re.compile(r"%\((\w+)\)s")
# Each hands over what scripts say: `"name": _("…")`.
SCRIPT_WORDS = ("words.py", "price_words.py", "report_words.py", "mail_words.py")
SPOKEN = ("aria-label", "placeholder", "title", "alt", "content")
# Names and what is the same everywhere; the languages call themselves by their own names.
UNTRANSLATED = {
    "narrow",
    "English",
    "Español",
    "width=device-width, initial-scale=1",
    "light dark",
    "#fffdf8",
    "#211e18",
}


def _wanted() -> Catalog:
    with (SERVICE / "babel.cfg").open() as mapping:
        methods, options = parse_mapping_cfg(mapping)
    found = Catalog()
    for _, _, message, _, _ in extract_from_dir(SERVICE / "src", methods, options):
        found.add(message)
    return found


def _spanish() -> Catalog:
    with translations.catalogue_file(PACKAGE / "translations", "es").open("rb") as file:
        return read_po(file, locale="es", abort_invalid=True)


def _ids(catalogue: Catalog) -> set[object]:
    return {message.id for message in catalogue if message.id}


def test_every_message_has_a_translation_and_no_translation_is_stale() -> None:
    wanted, spanish = _ids(_wanted()), _ids(_spanish())
    assert wanted - spanish == set()
    assert spanish - wanted == set()


def test_no_translation_is_empty_or_doubtful() -> None:
    for message in _spanish():
        if message.id:
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            assert all(texts), message.id
            assert not message.fuzzy, message.id


def test_every_translation_has_the_places_of_its_message() -> None:
    for message in _spanish():
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        places = set(PLACE.findall(" ".join(ids)))
        for text in texts:
            assert set(PLACE.findall(text)) <= places, message.id
        assert set(PLACE.findall(" ".join(texts))) == places, message.id


def test_the_catalogue_is_compiled_from_its_source() -> None:
    words = translations.load(PACKAGE / "translations")
    assert words["es"].gettext("Sold out") == "Agotado"
    assert words["es"].ngettext("%(num)s product", "%(num)s products", 1) == "%(num)s producto"
    assert words["en"].ngettext("%(num)s product", "%(num)s products", 2) == "%(num)s products"


def test_a_missing_language_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        translations.load(tmp_path)


class _Literals(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self._take(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SPOKEN and not (tag == "meta" and dict(attrs).get("name") == "theme-color"):
                self._take(value or "")

    def _take(self, text: str) -> None:
        for part in text.split("\0"):
            words = part.strip()
            if re.search(r"[^\W\d_]{2,}", words) and words not in UNTRANSLATED:
                self.found.append(words)


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_template_has_words_of_its_own(file: Path) -> None:
    source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "\0", file.read_text(), flags=re.DOTALL)
    literals = _Literals()
    literals.feed(source)
    assert literals.found == []


def test_no_script_has_a_sentence_of_its_own() -> None:
    for file in sorted((PACKAGE / "static" / "js").glob("*.js")):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read_text(), flags=re.DOTALL)
        for text in re.findall(r'"([^"\n]*)"', code):
            assert not re.search(r"[a-zA-Z]{3,} [a-zA-Z]{3,}", text), (file.name, text)


def test_every_word_a_script_asks_for_is_handed_over() -> None:
    pages = PACKAGE / "entrypoints" / "pages"
    words = "".join((pages / name).read_text() for name in SCRIPT_WORDS)
    given = set(re.findall(r'"(\w+)": (?:both|_)\(', words))
    asked: set[str] = set()
    for file in (*(PACKAGE / "static" / "js").glob("*.js"), *TEMPLATES):
        asked |= set(re.findall(r"(?<!/)\bwords\.(\w+)", file.read_text()))
    assert asked - given == set()
    assert given - asked == set()
