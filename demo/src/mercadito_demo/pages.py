"""The site's pages: an index with navigation, an archive page, and links written as real sites write them."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from mercadito_demo.catalogue import PriceFile

FILES_PATH = "/Market News/files/"
ARCHIVE_PATH = "/mnp/fv-report-archive"
ROBOTS = "User-agent: *\nDisallow: /internal/\nAllow: /\n"

FRAME = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<nav><a href="/">Home</a> | <a href="{archive}?type=termPrice&amp;page=2">Archive</a> | <a href="/about.html">About</a>
| <a href="#content">Skip to reports</a> | <a href="mailto:reports@usda.example">Contact</a></nav>
<main id="content">
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def file_href(file: PriceFile, number: int) -> str:
    """Return the address of a file as an attribute's text: with a query string, every second one with raw spaces."""
    path = FILES_PATH + file.name
    link = (path if number % 2 and not set("%?#") & set(path) else quote(path)) + "?type=termPrice&format=csv"
    return escape(link)


def _table(files: Sequence[PriceFile], first: int) -> str:
    rows = "\n".join(
        f'<tr><td><a href="{file_href(file, number)}">{escape(file.name)}</a></td>'
        f"<td>{file.last_modified}</td><td>{file.size} bytes</td></tr>"
        for number, file in enumerate(files, start=first)
    )
    return f"<table>\n<tr><th>Report</th><th>Last modified</th><th>Size</th></tr>\n{rows}\n</table>"


def _page(title: str, body: str) -> str:
    return FRAME.format(title=title, body=body, archive=ARCHIVE_PATH)


def _halves(files: Sequence[PriceFile]) -> tuple[Sequence[PriceFile], Sequence[PriceFile]]:
    half = (len(files) + 1) // 2
    return files[:half], files[half:]


def index_page(files: Sequence[PriceFile]) -> str:
    """Return the first page: the first half of the files, and a link to the page with the rest."""
    shown, _ = _halves(files)
    more = f'<p><a href="{ARCHIVE_PATH}?type=termPrice&amp;page=2">More reports</a></p>'
    return _page("Terminal Market Reports (demo)", _table(shown, 0) + more)


def archive_page(files: Sequence[PriceFile]) -> str:
    """Return the second page: the other half of the files."""
    shown, rest = _halves(files)
    return _page("Archive (demo)", _table(rest, len(shown)))


def about_page() -> str:
    """Return a page without reports."""
    return _page("About (demo)", "<p>This local site stands in for the USDA's. Its files come from a folder.</p>")
