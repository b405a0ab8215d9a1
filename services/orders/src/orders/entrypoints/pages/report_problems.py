"""What the price service's reasons mean, and what staff can do: rules that the page's script applies in order.

A reason is English and made for whoever runs the service; it is always shown below these words. A pattern is a regular
expression that JavaScript and Python read alike, searched for regardless of case.
"""

from collections.abc import Sequence

from orders.entrypoints.pages.reader import gettext as _

Rule = tuple[str, str, str]


def problem_rules() -> Sequence[tuple[str, str, str, bool]]:
    """Return pattern, what it is, what to do, and whether it is but a remark; the particular before the general."""
    problems = (_of_quarantine, _of_rows, _of_visits, _of_the_api, _of_the_site, _of_files)
    remarks = [(*rule, True) for rule in _of_remarks()]
    return [*remarks, *((*rule, False) for of_some in problems for rule in of_some())]


def _of_remarks() -> Sequence[Rule]:
    nothing = _("Nothing to do: the prices are stored.")
    return [
        (r"rows with a range of more than", _("Some prices have an unusually wide range."), nothing),
        (r"report header can't be read", _("The text at a report's head could not be read."), nothing),
        (
            r"the answer holds \d+ of \d+|left out rows",
            _("The USDA's site sent only a part."),
            _("Nothing to do: the next visit asks for the rest."),
        ),
    ]


def _of_quarantine() -> Sequence[Rule]:
    return [
        (
            r"rows quarantined",
            _("Some rows could not be read and were set aside."),
            _("Open the file on this page and look at them; all other rows are stored."),
        ),
    ]


def _of_rows() -> Sequence[Rule]:
    look = _("Compare with the report itself; a correction comes in by itself.")
    return [
        (r"is above high|not a range within", _("The prices contradict each other."), look),
        (r"without a (low price|mostly low)", _("Half of a price range is missing."), look),
        (r"is negative|is zero", _("A price is zero or negative."), look),
        (r"is not a price", _("A price is not a number."), look),
        (r"is not a day|is out of range", _("The date makes no sense."), look),
        (r"is blank|no commodity", _("The row does not say what it is about."), look),
        (r"\d+ fields instead of|field occurs twice", _("The row has too many or too few fields."), look),
        (
            r"control character|is longer than|is neither|holds more than one|holds half|a result that is no object",
            _("The row holds something that does not belong there."),
            look,
        ),
    ]


def _of_visits() -> Sequence[Rule]:
    tell = _("Tell the operator, with the line below.")
    return [
        (
            r"^no report \S+",
            _("A report has not come for days."),
            _("Look on the USDA's site whether the office is closed or the report has moved."),
        ),
        (
            r"interrupted|\bstopped\b|its process|never started",
            _("The visit was cut short by a restart."),
            _("Nothing to do: the next visit goes on. Or fetch now."),
        ),
        (
            r"USDA_CRAWL_DEADLINE_S",
            _("The visit took too long."),
            _("Fetch now, or wait. If it happens again, the operator can raise USDA_CRAWL_DEADLINE_S."),
        ),
        (r"internal error|could not be stored", _("The price service made a mistake."), tell),
        (
            r"USDA_ALLOWED_HOSTS",
            _("A link led to a site that is not allowed."),
            _("If it is the USDA's, the operator can add it to USDA_ALLOWED_HOSTS."),
        ),
        (r"links were left out|a crawl takes at most", _("There were more links than one visit may follow."), tell),
        (
            r"has no links|no export link|(index|page about .*) is not an HTML page",
            _("The page with the links is not the one we know."),
            tell,
        ),
    ]


def _of_the_api() -> Sequence[Rule]:
    wait = _("Nothing to do: the next visit tries again.")
    return [
        (
            r"USDA_MARS_KEY|HTTP 40[13]\b",
            _("The USDA's site does not let us in."),
            _("The operator has to look at the key and at what the site allows."),
        ),
        (
            r"USDA_MARS_REPORTS|does not understand the question",
            _("The USDA's site does not know a report that we ask for."),
            _("The operator has to look at USDA_MARS_REPORTS."),
        ),
        (r"still preparing|the API failed", _("The USDA's site is overloaded or out of order."), wait),
        (r"asked too often|too many requests|given up after", _("The USDA's site asks us to wait."), wait),
        (r"JSON without results", _("The USDA's site gave an answer that we do not know."), wait),
    ]


def _of_the_site() -> Sequence[Rule]:
    wait = _("Nothing to do: the next visit tries again.")
    return [
        (r"robots.txt could not be read", _("The USDA's site could not be reached, or broke off."), wait),
        (
            r"robots",
            _("The site asks programs to stay away from this."),
            _("The operator has to decide; the file can be downloaded by hand."),
        ),
        (
            r"HTTP 4(04|10)\b",
            _("The link leads nowhere."),
            _("If it stays so for a day, look on the USDA's site where the report has gone and tell the operator."),
        ),
        (r"HTTP (429|5\d\d)\b|Retry-After", _("The USDA's site is overloaded or out of order."), wait),
        (r"HTTP \d+", _("The USDA's site gave an answer that we do not know."), wait),
        (r"timed? ?-?out|timeout", _("The USDA's site was too slow."), wait),
        (
            r"connection|refused by|unreachable|DNS|getaddrinfo|certificate|SSL|ResponseFailed|DataLoss",
            _("The USDA's site could not be reached, or broke off."),
            wait,
        ),
    ]


def _of_files() -> Sequence[Rule]:
    wait = _("Usually the next visit gets a whole one. If not, open the link and look.")
    tell = _("The USDA may have changed the form: tell the operator. The file is kept and can be read again.")
    return [
        (r"no price columns", _("A table without prices."), _("Nothing to do.")),
        (
            r"is empty|no rows|truncated|damaged|open quote|breaks? off",
            _("The file is empty or broken off."),
            wait,
        ),
        (r"HTML or XML|HTML page", _("A web page came instead of a file."), wait),
        (
            r"more than \d+|too large|larger than|MAX_BYTES|maxsize|record without end",
            _("The file is too large."),
            tell,
        ),
        (r"columns are missing|columns occur twice", _("The file has other columns than those we know."), tell),
        (r"name no day", _("The file does not say of which day it is."), tell),
        (
            r"binary|UTF-|charset|not CSV|not XML|not JSON|nested|zip|Excel|PDF|document type|cannot be read",
            _("That is not a table that we can read."),
            tell,
        ),
        (r"304 for a file", _("The site says that nothing changed, but we do not have the file."), wait),
    ]
