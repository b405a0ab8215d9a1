"""The mails that arrived at the SMTP sink."""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path


class Mailbox:
    """The folder of raw mails; remembers what lay there before, unless all of it is wanted."""

    def __init__(self, folder: Path, *, all_of_it: bool = False) -> None:
        self.folder = folder
        self.before = set() if all_of_it else set(self._files())

    def _files(self) -> list[Path]:
        return [file for file in self.folder.rglob("*.eml") if not file.name.startswith(".")]

    def new(self, *, to: str, naming: str) -> list[EmailMessage]:
        """Return the mails to this address that came since and name this in subject or text."""
        found = []
        for file in set(self._files()) - self.before:
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            if to in str(message["To"]) and naming in f"{message['Subject']} {part(message, 'plain')}":
                found.append(message)
        return found


def part(message: EmailMessage, kind: str) -> str:
    """Return the text of a mail's text/plain or text/html part."""
    body = message.get_body((kind,))
    assert body is not None, f"no text/{kind} part"
    return str(body.get_content())
