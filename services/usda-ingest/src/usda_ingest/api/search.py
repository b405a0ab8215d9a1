"""Finding commodities by words, in English or Spanish, whatever their case and accents.

It is done here and not in the database, because the Spanish names come with the release (``commodities.csv``): a column
filled from them would be out of step after every change of a name, and ``unaccent`` is an extension that the service's
role may not create.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from sqlalchemy import Connection, text

from usda_ingest.commodities import known

MAX_QUERY_CHARS = 100
MAX_QUERY_WORDS = 8
MAX_KINDS = 20_000
_REMEMBERED_NAMES = 5_000
_MIN_STEM = 3
_WORD = re.compile(r"[^\W_]+")
_KINDS = text("SELECT DISTINCT commodity_key, lower(variety) FROM series LIMIT :limit")

Kind = tuple[str, str]
"""A commodity and a variety of it, both folded."""


def words(text_: str) -> tuple[str, ...]:
    """Return the words of a text without case and accents: ``Piñas (Hawái)`` has ``pinas`` and ``hawai``."""
    decomposed = unicodedata.normalize("NFKD", text_)
    return tuple(_WORD.findall("".join(one for one in decomposed if not unicodedata.combining(one)).casefold()))


def kinds(connection: Connection) -> Sequence[Kind]:
    """Return every commodity and variety that there is a series of."""
    return [(key, variety) for key, variety in connection.execute(_KINDS, {"limit": MAX_KINDS})]


def matching(among: Iterable[Kind], query: str) -> list[Kind]:
    """Return the kinds in whose names every word of the query begins a word; a plural finds the singular too."""
    wanted = [_beginnings(word) for word in words(query)[:MAX_QUERY_WORDS]]
    return [kind for kind in among if _has_all(wanted, kind)]


def _has_all(wanted: Sequence[tuple[str, ...]], kind: Kind) -> bool:
    named = _named(*kind)
    return all(any(word.startswith(beginnings) for word in named) for beginnings in wanted)


@lru_cache(maxsize=_REMEMBERED_NAMES)
def _named(commodity: str, variety: str) -> tuple[str, ...]:
    told = known(commodity)
    return words(f"{commodity} {told.name_es if told else ''} {variety}")


def _beginnings(word: str) -> tuple[str, ...]:
    """Return the word and what it may be the plural of: ``limones`` is also looked for as ``limon``."""
    stems = (word.removesuffix(ending) for ending in ("es", "s") if word.endswith(ending))
    return (word, *(stem for stem in stems if len(stem) >= _MIN_STEM))
