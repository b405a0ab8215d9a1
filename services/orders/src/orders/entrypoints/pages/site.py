"""What every page of one app works with, found again through the app."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from babel.support import NullTranslations
from flask import current_app

from orders.entrypoints.pages.csrf import FormTokens
from orders.settings import Hub

EXTENSION = "mercadito-pages"
STAMP_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Site:
    """The words, the tokens of forms and the few settings of the pages."""

    hub: Hub
    words: Mapping[str, NullTranslations]
    forms: FormTokens
    stamps: Mapping[str, str]
    secure_cookies: bool

    def static(self, path: str) -> str:
        """Return the address of a static file; it changes with the content, so that caches may keep it for ever."""
        return f"/static/{path}?v={self.stamps[path]}"


def site() -> Site:
    """Return the site of the app at work."""
    return cast("Site", current_app.extensions[EXTENSION])


def static_stamps(folder: Path) -> dict[str, str]:
    """Hash every static file; a template that names one that is not there fails in the tests, not before readers."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()[:STAMP_CHARACTERS]
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
