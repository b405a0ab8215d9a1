"""What notify's reasons mean, and what staff can do: rules that scripts apply in order.

A reason is English, mostly a mail server's own words; it is always shown below these. A pattern is a regular
expression that JavaScript and Python read alike, searched for regardless of case.
"""

from collections.abc import Sequence

from orders.entrypoints.pages.reader import gettext as _

Rule = tuple[str, str, str]


def mail_problems() -> Sequence[Rule]:
    """Return pattern, what it is and what to do, the particular before the general."""
    return [*_of_no_trouble(), *_of_doubt(), *_of_people(), *_of_mailboxes(), *_of_servers()]


def _of_doubt() -> Sequence[Rule]:
    return [
        (
            r"^it took none of the last mails",
            _("The mail server took none of the last mails: it may refuse us, or be out of order."),
            _("Tell the operator, with the line below."),
        ),
        (
            r"answer was not seen|after the final dot|may have been taken",
            _("It may have arrived: the mail server fell silent at the very end."),
            _("Ask the reader before you send it again."),
        ),
        (
            r"^too late to be of use",
            _("It waited until it was of no use any more."),
            _("Send it again only if the reader still needs it."),
        ),
    ]


def _of_no_trouble() -> Sequence[Rule]:
    nothing, alone = _("Nothing to do."), _("Nothing to do: it leaves by itself.")
    return [
        (r"^turned off by its reader", _("The reader wants no mails of this kind."), nothing),
        (
            r"^the store has ordered meanwhile",
            _("The store has ordered meanwhile: there was nothing to remind of."),
            nothing,
        ),
        (
            r"^the market day was cancelled",
            _("The market day was cancelled meanwhile: there was nothing to tell any more."),
            nothing,
        ),
        (
            r"^a newer mail about the order",
            _("A newer mail about the order has left meanwhile: this one would be old news."),
            nothing,
        ),
        (
            r"^whether it may go could not be found out",
            _("It could not be found out whether it may leave."),
            _("Nothing to do: we try again by ourselves."),
        ),
        (r"^quiet hours of its reader", _("It waits for the reader's morning."), alone),
        (r"^held$", _("This system sends no mail: its settings say so."), _("Ask the operator when mail shall leave.")),
    ]


def _of_people() -> Sequence[Rule]:
    return [
        (
            r"no longer active",
            _("The person was deactivated before it left."),
            _("Make the person active again, then send it again."),
        ),
        (
            r"does not belong to the store",
            _("The person does not belong to the store any more."),
            _("Nothing to do, unless the person still orders for the store: then say so on the person's page."),
        ),
        (
            r"no header can be made",
            _("The address can not be written to."),
            _("Correct the person's e-mail, then send it again."),
        ),
        (
            r"^mails to this address came back",
            _("The reader's address is held back: mail came back from it."),
            _("A correct address lifts this by itself; so can you, on the person's page."),
        ),
        (
            r"called it spam|complain",
            _("The reader called our mail spam."),
            _("Ask the reader before you let mails go there again."),
        ),
    ]


def _of_mailboxes() -> Sequence[Rule]:
    return [
        (
            r"5\.1\.[0-3]|no such|unknown (user|recipient|mailbox)|user unknown|does not exist|^bounced",
            _("There is no such mailbox."),
            _("Correct the person's e-mail, then send it again."),
        ),
        (
            r"[45]\.2\.2|quota|mailbox (is )?full|^(452|552) ",
            _("The mailbox is full."),
            _("Call the reader; send it again once there is room."),
        ),
        (
            r"^came back",
            _("It came back: the reader's mail server could not deliver it."),
            _("Call the reader, then send it again."),
        ),
        (
            r"grey|4\.7\.1|^4\d\d to RCPT|come back later|try again",
            _("The reader's mail server asks us to come back later."),
            _("Nothing to do: we try again by ourselves."),
        ),
    ]


def _of_servers() -> Sequence[Rule]:
    tell = _("Tell the operator, with the line below.")
    return [
        (
            r"5\.7\.\d|spam|blocked|blacklist|policy|^554 ",
            _("The reader's mail server does not want our mail."),
            tell,
        ),
        (
            r"cannot be reached|sign-in|STARTTLS|EHLO|certificate|ssl|to MAIL",
            _("Our mail server could not be used."),
            tell,
        ),
        (
            r"before the final dot|DATA was answered",
            _("The connection to the mail server broke."),
            _("Nothing to do: we try again by ourselves."),
        ),
        (
            r"this version cannot read|no mail can be made|template",
            _("The mail could not be written."),
            tell,
        ),
        (r"^\d+ attempts", _("It was tried as often as makes sense."), _("Send it again once the cause is mended.")),
        (r"^4\d\d ", _("The mail server asks us to come back later."), _("Nothing to do: we try again by ourselves.")),
        (r"^5\d\d ", _("The mail server refused it."), tell),
    ]
