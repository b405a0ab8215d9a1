"""Commodities in Spanish, as spoken in Los Angeles, and the USDA's category where a report does not give it."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from usda_ingest.reading.values import fold


@dataclass(frozen=True, slots=True)
class Commodity:
    """What the table knows of a commodity."""

    name_es: str
    category: str


def known(name: str) -> Commodity | None:
    """Return what is known of a commodity under either format's spelling of it."""
    return _table().get(fold(name))


@lru_cache(maxsize=1)
def _table() -> dict[str, Commodity]:
    lines = files("usda_ingest").joinpath("commodities.csv").read_text(encoding="utf-8").splitlines()
    return {row["name"]: Commodity(row["name_es"], row["category"]) for row in csv.DictReader(lines)}
