"""An SMTP client that knows how far it got.

``smtplib`` raises the same ``SMTPServerDisconnected`` for "never sent" and for "taken, but the answer was lost". They
need opposite treatment, so this client tells the caller just before it writes the final dot, and says of every error
whether the relay may have taken the message. RFC 5321; STARTTLS RFC 3207; AUTH PLAIN RFC 4616.
"""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from notify.errors import ConversationLost, Refused, RelayFault
from notify.text import without_addresses

MAX_REPLY_LINE_BYTES = 4_096
MAX_REPLY_LINES = 100
MAX_REASON_CHARS = 200
QUIT_TIMEOUT_S = 2.0
DOT = b".\r\n"
POSITIVE = 2
GO_ON_SIGNING_IN = 334
START_MAIL_INPUT = 354
TRANSIENT = 400
PERMANENT = 500

# Sign-in missing or refused, TLS first: they speak of us, whatever command they answer.
SIGN_IN_CODES = frozenset({530, 534, 535, 538})
# Shutting down, busy: at MAIL the relay does not know yet whom the message is for, so they speak of the relay.
BUSY_CODES = frozenset({421, 454})
# Everything by which a conversation can break, in the words of asyncio, ssl and our own reading of replies.
BROKEN = (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds per phase. After the dot RFC 5321 asks for 10 minutes: giving up early is what makes duplicates."""

    connect_s: float = 10.0
    greeting_s: float = 60.0
    reply_s: float = 60.0
    tls_s: float = 15.0
    body_s: float = 180.0
    dot_s: float = 600.0
    overall_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed over; without ``starttls`` nothing is encrypted, with it nothing is sent unencrypted."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = True
    greet_as: str = "localhost"
    timeouts: Timeouts = field(default_factory=Timeouts)
    trust: ssl.SSLContext | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message for one recipient: several recipients would share one answer."""

    sender: str
    recipient: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The relay's answer; of several lines the text of all."""

    code: int
    text: str

    @property
    def positive(self) -> bool:
        """Whether it is a 2xx."""
        return self.code // 100 == POSITIVE


class Session:
    """A conversation that is ready for one message."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, relay: Relay) -> None:
        self._reader = reader
        self._writer = writer
        self._relay = relay
        self._plain: asyncio.StreamWriter | None = None
        self._extensions: dict[str, str] = {}

    async def greet(self) -> None:
        """Take the greeting, encrypt and sign in as the settings say.

        Raises:
            RelayFault: the relay refuses or can't do what is required.

        """
        try:
            async with asyncio.timeout(self._relay.timeouts.overall_s):
                self._expect(await self._reply(self._relay.timeouts.greeting_s), "the greeting")
                await self._hello()
                if self._relay.starttls:
                    await self._encrypt()
                    await self._hello()
                if self._relay.user:
                    await self._sign_in()
        except BROKEN as error:
            raise RelayFault(f"no SMTP conversation: {describe(error)}") from error

    async def submit(self, envelope: Envelope, before_dot: Callable[[], Awaitable[None]]) -> Reply:
        """Hand the message over; return the relay's 2xx.

        Args:
            envelope: ``raw`` has CRLF line ends.
            before_dot: awaited when all but the final dot is written; if it raises, the dot never is.

        Raises:
            Refused: the relay says no to this message.
            RelayFault: the relay says no to us.
            ConversationLost: the connection ended or a deadline passed; it says on which side of the dot.

        """
        dotted = False
        try:
            async with asyncio.timeout(self._relay.timeouts.overall_s):
                await self._until_dot(envelope)
                await before_dot()
                self._must_be_open()
                dotted = True
                self._writer.write(DOT)
                return self._judge(await self._reply(self._relay.timeouts.dot_s), "the message")
        except BROKEN as error:
            where = "after" if dotted else "before"
            raise ConversationLost(f"lost {where} the final dot: {describe(error)}", after_dot=dotted) from error

    async def quit(self) -> None:
        """Say goodbye; whatever happens here changes nothing any more."""
        with contextlib.suppress(*BROKEN):
            await self._command("QUIT", QUIT_TIMEOUT_S)

    async def close(self) -> None:
        """Let go of the connection, at once and in any state."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(QUIT_TIMEOUT_S):
                await self._writer.wait_closed()

    async def _until_dot(self, envelope: Envelope) -> None:
        sender = await self._command(f"MAIL FROM:<{envelope.sender}>")
        # Our own address is the same in every message: its refusal is no message's fault.
        if sender.code in BUSY_CODES or sender.code >= PERMANENT:
            raise RelayFault(f"{sender.code} to MAIL: {words_of(sender)}")
        self._judge(sender, "MAIL")
        self._judge(await self._command(f"RCPT TO:<{envelope.recipient}>"), "RCPT")
        go_ahead = await self._command("DATA")
        if go_ahead.code != START_MAIL_INPUT:
            self._judge(go_ahead, "DATA")
            raise ConversationLost(f"DATA was answered {go_ahead.code}", after_dot=False)
        async with asyncio.timeout(self._relay.timeouts.body_s):
            self._writer.write(stuffed(envelope.raw))
            await self._writer.drain()
        self._must_be_open()

    def _must_be_open(self) -> None:
        # A relay that left meanwhile surely got no dot from us: that is worth knowing before it is written.
        if self._reader.at_eof() or self._reader.exception() is not None or self._writer.transport.is_closing():
            raise ConnectionResetError("the relay left before the final dot")

    async def _hello(self) -> None:
        reply = await self._command(f"EHLO {self._relay.greet_as}")
        self._expect(reply, "EHLO")
        lines = (line.partition(" ") for line in reply.text.split("\n")[1:])
        self._extensions = {name.upper(): rest.upper() for name, _, rest in lines}

    async def _encrypt(self) -> None:
        if "STARTTLS" not in self._extensions:
            raise RelayFault("STARTTLS is required and the relay does not offer it")
        self._expect(await self._command("STARTTLS"), "STARTTLS")
        loop = asyncio.get_running_loop()
        # A new reader: whatever someone slipped in before the encryption is never read (CVE-2011-0411).
        reader = asyncio.StreamReader(limit=MAX_REPLY_LINE_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        async with asyncio.timeout(self._relay.timeouts.tls_s):
            transport = await loop.start_tls(
                self._writer.transport,
                protocol,
                self._relay.trust or ssl.create_default_context(),
                server_hostname=self._relay.host,
            )
        if transport is None:
            raise ConnectionResetError("closed during the handshake")
        protocol.connection_made(transport)
        # The plain writer would close the connection under us when it is collected.
        self._plain = self._writer
        self._reader, self._writer = reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _sign_in(self) -> None:
        if "PLAIN" in self._extensions.get("AUTH", "").split():
            both = f"\0{self._relay.user}\0{self._relay.password}".encode()
            reply = await self._command(f"AUTH PLAIN {base64.b64encode(both).decode()}")
        else:
            reply = await self._command("AUTH LOGIN")
            for secret in (self._relay.user, self._relay.password):
                if reply.code != GO_ON_SIGNING_IN:
                    break  # it did not ask: then it gets no password
                reply = await self._command(base64.b64encode(secret.encode()).decode())
        self._expect(reply, "sign-in")

    async def _command(self, line: str, timeout_s: float | None = None) -> Reply:
        self._writer.write(line.encode("ascii") + b"\r\n")
        await self._writer.drain()
        return await self._reply(timeout_s or self._relay.timeouts.reply_s)

    async def _reply(self, timeout_s: float) -> Reply:
        texts: list[str] = []
        async with asyncio.timeout(timeout_s):
            while len(texts) < MAX_REPLY_LINES:
                line = (await self._reader.readuntil(b"\n")).decode("utf-8", "replace").rstrip("\r\n")
                if not (line[:3].isascii() and line[:3].isdigit() and line[3:4] in ("", " ", "-")):
                    raise ValueError("not an SMTP reply")
                texts.append(line[4:])
                if line[3:4] != "-":
                    return Reply(int(line[:3]), "\n".join(texts))
        raise ValueError("an SMTP reply without end")

    def _judge(self, reply: Reply, at: str) -> Reply:
        if reply.positive:
            return reply
        text = words_of(reply)
        if reply.code in SIGN_IN_CODES:
            raise RelayFault(f"{reply.code} to {at}: {text}")
        if reply.code < TRANSIENT:
            raise ValueError(f"{reply.code} to {at}")
        raise Refused(reply.code, text, at=at)

    def _expect(self, reply: Reply, what: str) -> None:
        if not reply.positive:
            raise RelayFault(f"{reply.code} to {what}: {words_of(reply)}")


@contextlib.asynccontextmanager
async def conversation(relay: Relay) -> AsyncIterator[Session]:
    """Open a session with the relay; on the way out say goodbye, if the relay still listens.

    Raises:
        RelayFault: it can't be reached, refuses us, or is not what the settings demand.

    """
    session = await _connected(relay)
    try:
        await session.greet()
        try:
            yield session
        except Refused:
            await session.quit()
            raise
        await session.quit()
    finally:
        await session.close()


async def _connected(relay: Relay) -> Session:
    try:
        async with asyncio.timeout(relay.timeouts.connect_s):
            reader, writer = await asyncio.open_connection(relay.host, relay.port, limit=MAX_REPLY_LINE_BYTES)
    except (OSError, TimeoutError) as error:
        raise RelayFault(f"{relay.host}:{relay.port} cannot be reached: {describe(error)}") from error
    return Session(reader, writer, relay)


def stuffed(raw: bytes) -> bytes:
    """Return the message as DATA carries it: a dot at a line's start doubled, and a line end before the final dot."""
    lines = raw.split(b"\r\n")
    body = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def words_of(reply: Reply) -> str:
    """Return the reply's text as it may be kept and shown."""
    return without_addresses(reply.text)[:MAX_REASON_CHARS]


def describe(error: BaseException) -> str:
    """Name what happened, without line ends and never without words."""
    text = without_addresses(str(error))
    return f"{type(error).__name__}: {text}"[:MAX_REASON_CHARS] if text else type(error).__name__
