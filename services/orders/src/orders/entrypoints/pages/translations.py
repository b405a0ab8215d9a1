"""The pages' words in each language, read from the `.po` files themselves.

They are compiled in memory at start (a few milliseconds), so that no build step can be forgotten and no compiled file
can be older than its source.
"""

import io
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

SOURCE_LOCALE = "en"
LOCALES = (SOURCE_LOCALE, "es")
DOMAIN = "messages"


def catalogue_file(folder: Path, locale: str) -> Path:
    """Return where a language's words are kept."""
    return folder / locale / "LC_MESSAGES" / f"{DOMAIN}.po"


def load(folder: Path) -> dict[str, NullTranslations]:
    """Read all languages; a missing or broken file stops the start, since half a language is none."""
    words: dict[str, NullTranslations] = {SOURCE_LOCALE: NullTranslations()}
    for locale in LOCALES:
        if locale != SOURCE_LOCALE:
            words[locale] = _compiled(catalogue_file(folder, locale), locale)
    return words


def _compiled(file: Path, locale: str) -> Translations:
    with file.open("rb") as source:
        catalogue = read_po(source, locale=locale, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, DOMAIN)
