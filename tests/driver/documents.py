"""The code in the documents, for tests that run it."""

import re

from tests.driver.system import ROOT


def block(document: str, title: str) -> str:
    """Return the code block of a file in docs/ whose first line says ``title`` after the language."""
    text = (ROOT / "docs" / document).read_text()
    found = re.search(rf"^```\w+ {re.escape(title)}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]
