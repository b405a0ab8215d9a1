"""Who writes the mails: in a thread, one at a time, several in one go.

Writing is nothing but work for the processor, which Python gives to one thread at a time: more threads would only take
turns, and a turn for each mail costs a good part of a mail.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mercadito_events.inbox import Permanent

from notify.errors import Unrenderable
from notify.kinds import kinds
from notify.queueing.messages import Claimed
from notify.recipients.contacts import Contact
from notify.recipients.links import unsubscribe_headers
from notify.sending.batches import Batches
from notify.sending.post import Post
from notify.sending.smtp import Envelope
from notify.writing import mail
from notify.writing.pictures import Pictures
from notify.writing.rendering import render

# Few enough that an urgent mail, which is claimed first, does not wait until thirty long price lists are written.
MOST_AT_ONCE = 5

Task = tuple[Claimed, Contact | None]
Written = Sequence[Envelope | Exception]


class Scribe:
    """Makes a mail of a message and its reader."""

    def __init__(
        self, post: Post, pictures: Pictures, in_thread: Callable[[Callable[[], Written]], Awaitable[Written]]
    ) -> None:
        self._post, self._pictures = post, pictures
        self._in_thread = in_thread
        self._batches = Batches[Task, Envelope](self._write, MOST_AT_ONCE)

    async def written(self, message: Claimed, reader: Contact | None) -> Envelope:
        """Return the mail; of one that a relay may have taken the same bytes again.

        Raises:
            Unrenderable: no mail can be made of it.

        """
        return await self._batches.through((message, reader))

    async def _write(self, tasks: Sequence[Task]) -> Written:
        return await self._in_thread(lambda: [self._one(*task) for task in tasks])

    def _one(self, message: Claimed, reader: Contact | None) -> Envelope | Exception:
        try:
            return self._returning(message, self._envelope(message, reader))
        except Exception as problem:  # noqa: BLE001 - whatever it is, the task of that message is told
            return problem

    def _returning(self, message: Claimed, envelope: Envelope) -> Envelope:
        path = self._post.return_path
        return envelope if path is None else replace(envelope, sender=path.of(message.id, message.message_id))

    def _envelope(self, message: Claimed, reader: Contact | None) -> Envelope:
        if message.raw is not None:
            return mail.again(message.raw)
        if reader is None:
            raise Unrenderable("the person is no longer active")
        try:
            kind = kinds()[message.kind]
            about = kind.reading.of(message.data)
        except (KeyError, Permanent) as problem:
            raise Unrenderable(f"this version cannot read what it is about: {problem}") from problem
        links = self._post.links.of(reader.person_id, kind)
        picture = self._pictures.of(kind, about, reader.language)
        words = render(kind, about, reader, self._post.hub, links, picture=picture)
        return mail.compose(
            words,
            sender=self._post.sender,
            reader=reader,
            message_id=message.message_id,
            at=datetime.now(UTC),
            more_headers=unsubscribe_headers(links),
            dkim=self._post.dkim,
        )
