"""The commodity of a file that has no column for it: by its name, or by what the configuration says of such names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from usda_ingest.errors import UsdaIngestError
from usda_ingest.reading.values import MAX_NAME_CHARS

MAX_PATTERNS = 100
_BY_NAME = re.compile(r"US-([A-Za-z][A-Za-z_ ]*?)(?:\.[\w-]+)*\.csv(?:\.gz)?")
_FORM = re.compile(rf"\s*([^=,;\s]{{1,100}})\s*=\s*([^=;]{{1,{MAX_NAME_CHARS}}}?)\s*")


class BadCommodityNames(UsdaIngestError):
    """The setting can't be read."""


@dataclass(frozen=True, slots=True)
class CommodityNames:
    """Commodities by patterns of file names; the first that fits counts."""

    patterns: Sequence[tuple[str, str]] = ()

    @classmethod
    def parse(cls, written: str) -> "CommodityNames":
        """Return what ``plums-*.csv=PLUMS; 2017.csv=CORN, SWEET`` says; ``*`` and ``?`` as in a shell.

        Raises:
            BadCommodityNames: an entry is none, or there are over 100.

        """
        entries = [entry for entry in written.split(";") if entry.strip()]
        if len(entries) > MAX_PATTERNS:
            raise BadCommodityNames(f"has more than {MAX_PATTERNS} entries")
        found = [_FORM.fullmatch(entry) for entry in entries]
        bad = [entry.strip() for entry, match in zip(entries, found, strict=True) if match is None]
        if bad:
            raise BadCommodityNames(f"needs the form pattern=COMMODITY; pattern=COMMODITY: {bad[0][:40]!r}")
        return cls(tuple((match[1], " ".join(match[2].split()).upper()) for match in found if match))

    def of(self, file_name: str) -> str:
        """Return the commodity of the file; blank where neither configuration nor name tells it."""
        for pattern, commodity in self.patterns:
            if fnmatchcase(file_name, pattern):
                return commodity
        found = _BY_NAME.fullmatch(file_name)
        return found[1].replace("_", " ").strip().upper() if found else ""


ONLY_FROM_NAMES = CommodityNames()
