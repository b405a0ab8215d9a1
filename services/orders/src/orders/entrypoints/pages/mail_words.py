"""Words for scripts that show mails: the log, and the part of an order's and a person's page.

What a kind of mail is called, notify says itself, in both languages.
"""

from collections.abc import Sequence

from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import ngettext
from orders.entrypoints.pages.words import Words, both


def fates() -> Sequence[tuple[str, str]]:
    """Return what became of mails, as one may ask for it."""
    return [
        ("undelivered", _("Did not arrive")),
        ("waiting", _("Waiting")),
        ("sent", _("Sent")),
    ]


def spans() -> Sequence[tuple[str, str]]:
    """Return how many days back one may ask for."""
    return [("1", _("Last 24 hours")), ("7", _("Last 7 days")), ("30", _("Last 30 days"))]


def mail_words() -> Words:
    """Return what is said of a mail and its history."""
    return {
        "queued": _("Waiting"),
        "sending": _("Being sent"),
        "sent": _("Sent"),
        "deferred": _("Put off"),
        "failed": _("Not delivered"),
        "unknown": _("Nobody knows"),
        "expired": _("Too late"),
        "suppressed": _("Held back"),
        "unwanted": _("Not needed"),
        "to": _("to %(name)s"),
        "somebody": _("somebody"),
        "order": _("order %(number)s"),
        "orderAlone": _("the order"),
        "writtenAt": _("written %(moment)s"),
        "takenBy": _("Taken by %(relay)s, %(moment)s."),
        "taken": _("Taken by the mail server, %(moment)s."),
        "willBeTried": _("It leaves as soon as there is room."),
        "nextTry": both(
            ngettext("%(num)s try so far. Next try %(moment)s.", "%(num)s tries so far. Next try %(moment)s.", 1),
            ngettext("%(num)s try so far. Next try %(moment)s.", "%(num)s tries so far. Next try %(moment)s.", 2),
        ),
        "resend": _("Send again"),
        "resending": _("Sending again…"),
        "resent": _("It waits to be sent again."),
        "resendOver": _("It can not be sent again: what it was about is over. A new one is needed."),
        "resendNot": _("It was not sent again: it has arrived meanwhile."),
        "refused": _("That was refused. Sign in again as staff, then try once more."),
        "away": _("The mail service does not answer right now. Nothing was changed: try again in a minute."),
        "history": _("What happened to it"),
        "historyNotLoaded": _("Its history did not load. Close this and open it again."),
        "problemUnknown": _("Something new went wrong."),
        "problemUnknownAdvice": _("If it comes back, show this line to the operator:"),
        **_held_words(),
        **_timeline_words(),
    }


def _held_words() -> Words:
    """Return what is said of an address that mails of a class no longer go to."""
    return {
        "heldSecurity": _("Mails about the account are held back"),
        "heldOrders": _("Mails about orders are held back"),
        "heldReminders": _("Mails about market days are held back"),
        "heldDigest": _("Mails about prices are held back"),
        "heldOperations": _("Mails about running the hub are held back"),
        "heldSince": _("since %(moment)s"),
        "lift": _("Let mails go there again"),
    }


def _timeline_words() -> Words:
    return {
        "happenedWritten": _("Written"),
        "happenedResent": _("Sent again by %(name)s"),
        "happenedEnded": _("Given up"),
        "triedSent": _("Taken by the mail server"),
        "triedLost": _("Our sender was cut off before an answer came"),
        "triedRelay": _("The mail server could not be used"),
        "triedRecipient": _("The address was refused"),
        "triedRecipientLater": _("The address was put off"),
        "triedContent": _("The connection broke before the end"),
        "triedContentRefused": _("The mail was refused"),
        "triedDot": _("No answer after the end: it may have arrived"),
        "triedDotRefused": _("The mail was refused at its end"),
        "triedWriting": _("It could not be written"),
        "triedGivenUp": _("Given up without another try"),
        "timesUntil": both(
            ngettext("%(num)s time, last %(moment)s", "%(num)s times, last %(moment)s", 1),
            ngettext("%(num)s time, last %(moment)s", "%(num)s times, last %(moment)s", 2),
        ),
        "took": _("took %(span)s"),
    }


def log_words() -> Words:
    """Return what the page of mails says besides."""
    return {
        **mail_words(),
        "flows": _("Mail flows."),
        "held": _("All mail is held."),
        "heldBy": _("%(name)s, %(moment)s: %(reason)s"),
        "relayAway": _("The mail server can not be used: everything waits. We try again by ourselves."),
        "firstAway": _("The first mail server can not be used. Mail leaves by the second one, %(host)s."),
        "spareAway": _("Mail flows. The second mail server can not be used."),
        "relaySince": _("%(host)s can not be used since %(moment)s."),
        "modeHold": _("This system sends no mail: its settings say so."),
        "oldest": _("The longest waiting one could have left %(moment)s."),
        "hold": _("Hold"),
        "holding": _("Holding…"),
        "letGo": _("Let it flow again"),
        "lettingGo": _("Letting it flow…"),
        "nowHeld": _("Held: nothing more leaves. What was under way is finished."),
        "nowFlows": _("Mail flows again."),
        "anyKind": _("All kinds"),
        "replay": _("Handle again"),
        "replaying": _("Handling…"),
        "replayed": _("Done: it was handled."),
        "stillDead": _("It still can not be handled. The reason is below."),
        "bodyGone": _("What it said is no longer kept."),
        "triedAgain": both(
            ngettext("handled again %(num)s time in vain", "handled again %(num)s times in vain", 1),
            ngettext("handled again %(num)s time in vain", "handled again %(num)s times in vain", 2),
        ),
    }
