"""The kinds of mail, one folder each: add a folder and it is sent, rendered in the tests and shown in the log."""

import importlib
import pkgutil
from functools import cache

from notify.kinds.kind import Kind


@cache
def kinds() -> dict[str, Kind]:
    """Return every kind by name, found by looking at the folders beside this file."""
    folders = [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]
    found: list[Kind] = [importlib.import_module(f"{__name__}.{folder}").KIND for folder in folders]
    return {kind.name: kind for kind in found}
