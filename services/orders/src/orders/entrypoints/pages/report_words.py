"""Words for scripts, of the page of market reports."""

from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import ngettext
from orders.entrypoints.pages.words import Words, both


def report_words() -> Words:
    """Return what the scripts of the page of market reports say."""
    return {**_standing_words(), **_visit_words(), **_crawl_words(), **_file_words(), **_row_words()}


def _standing_words() -> Words:
    return {
        "reportIn": _("Today's report is in: %(day)s."),
        "reportLaterToday": _("Today's report comes later. The newest is of %(latest)s."),
        "noReportToday": _("The market reports nothing today. The newest report is of %(latest)s."),
        "holidayToday": _("No market today (%(holiday)s). The newest report is of %(latest)s."),
        "reportAwaited": _("The report of %(day)s is not in yet. The newest is of %(latest)s."),
        "reportLate": both(
            ngettext(
                "The report is %(num)s market day late. The newest prices are of %(day)s.",
                "The report is %(num)s market days late. The newest prices are of %(day)s.",
                1,
            ),
            ngettext(
                "The report is %(num)s market day late. The newest prices are of %(day)s.",
                "The report is %(num)s market days late. The newest prices are of %(day)s.",
                2,
            ),
        ),
        "noReportYet": _("No report has come in yet."),
        "nextVisit": _("Next look at the USDA's site: %(moment)s."),
        "visitRunning": _("We are at the USDA's site right now."),
        "visitsOff": _("The schedule is switched off: reports come only when somebody fetches them."),
        "lastOf": _("%(report)s: last of %(day)s"),
        "neverCame": _("%(report)s: never came in"),
    }


def _visit_words() -> Words:
    return {
        "fetchNow": _("Fetch now"),
        "fetching": _("Fetching…"),
        "fetchStarted": _("Started. New prices show up as they come in."),
        "fetchRunning": _("A visit is running already."),
        "fetchAway": _("The price service does not answer right now. Nothing was started: try again in a minute."),
        "fetchRefused": _("That was refused. Sign in again as staff, then try once more."),
        "endedFinished": _("The visit is over: everything was read."),
        "endedFailed": _("The visit ended early. What to do stands below."),
        "lookingForFiles": _("Looking for files…"),
        "filesOf": both(
            ngettext("%(done)s of %(total)s file", "%(done)s of %(total)s files", 1),
            ngettext("%(done)s of %(total)s file", "%(done)s of %(total)s files", 2),
        ),
        "filesSoFar": both(
            ngettext("%(done)s file so far", "%(done)s files so far", 1),
            ngettext("%(done)s file so far", "%(done)s files so far", 2),
        ),
        "notLoadedHere": _("That did not load. Try again."),
    }


def _crawl_words() -> Words:
    return {
        "crawlFinished": _("Complete"),
        "crawlWithProblems": _("With problems"),
        "crawlFailed": _("Ended early"),
        "crawlRunning": _("Running"),
        "crawlRequested": _("About to start"),
        "bySchedule": _("by schedule"),
        "byStaff": _("by staff"),
        "byOperator": _("by an operator"),
        "files": both(
            ngettext("%(num)s file", "%(num)s files", 1),
            ngettext("%(num)s file", "%(num)s files", 2),
        ),
        "rowsNewOrChanged": both(
            ngettext("%(num)s row new or changed", "%(num)s rows new or changed", 1),
            ngettext("%(num)s row new or changed", "%(num)s rows new or changed", 2),
        ),
        "problemCount": both(
            ngettext("%(num)s problem", "%(num)s problems", 1),
            ngettext("%(num)s problem", "%(num)s problems", 2),
        ),
        "remarkCount": both(
            ngettext("%(num)s remark", "%(num)s remarks", 1),
            ngettext("%(num)s remark", "%(num)s remarks", 2),
        ),
        "details": _("Counts, times and problems"),
        "problems": _("Problems"),
        "moreProblems": both(
            ngettext("And %(num)s more problem.", "And %(num)s more problems.", 1),
            ngettext("And %(num)s more problem.", "And %(num)s more problems.", 2),
        ),
        "filesStored": _("Files stored"),
        "filesUnchanged": _("Files unchanged"),
        "filesRefused": _("Files refused"),
        "filesWithoutPrices": _("Tables without prices"),
        "pagesRead": _("Pages read for links"),
        "downloading": _("Downloading"),
        "storing": _("Reading and storing"),
        "source": _("Source"),
        "problemUnknown": _("Something new went wrong."),
        "problemUnknownAdvice": _("If it comes back, show this line to the operator:"),
    }


def _file_words() -> Words:
    return {
        "fileStored": _("Stored"),
        "fileStoredPartly": _("Stored, not every row"),
        "fileRefused": _("Refused"),
        "fileNotFetched": _("Not fetched"),
        "fileWithoutPrices": _("No prices in it"),
        "report": _("report %(id)s"),
        "days": _("%(first)s to %(last)s"),
        "readAt": _("read %(moment)s"),
        "replaced": _("replaced by a newer one"),
    }


def _row_words() -> Words:
    return {
        "rows": both(
            ngettext("%(num)s row", "%(num)s rows", 1),
            ngettext("%(num)s row", "%(num)s rows", 2),
        ),
        "rowsNew": _("new"),
        "rowsChanged": _("with changes"),
        "rowsUnchanged": _("unchanged"),
        "rowsDoubles": _("exact doubles"),
        "rowsQuarantined": _("set aside"),
        "doesNotAddUp": _("These numbers do not add up: please tell the operator."),
        "quarantine": both(
            ngettext("%(num)s row that could not be read", "%(num)s rows that could not be read", 1),
            ngettext("%(num)s row that could not be read", "%(num)s rows that could not be read", 2),
        ),
        "quarantineMore": _("Show more of these rows"),
        "quarantineRest": _("The rest was counted, but not kept."),
        "line": _("line %(num)s"),
        "rawRow": _("The row as the file has it"),
    }
