"""The commodity of a file that has no column for it."""

import re

_BY_NAME = re.compile(r"US-([A-Za-z][A-Za-z_ ]*?)(?:\.[\w-]+)*\.csv(?:\.gz)?")


def commodity_from_name(file_name: str) -> str:
    """Return the commodity that ``US-pumpkins.csv`` names; a file without that form names none."""
    found = _BY_NAME.fullmatch(file_name)
    return found[1].replace("_", " ").strip().upper() if found else ""
