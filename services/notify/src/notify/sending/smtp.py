"""An SMTP client that knows how far it got.

``smtplib`` raises the same ``SMTPServerDisconnected`` for "never sent" and for "taken, but the answer was lost". They
need opposite treatment, so this client tells the caller just before it writes the final dot, and says of every error
whether the relay may have taken the message. RFC 5321; STARTTLS RFC 3207; AUTH PLAIN RFC 4616.
"""

import asyncio
import base64
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from notify.errors import ConversationLost, Refused, RelayFault, Stale
from notify.sending.acknowledged import acknowledged
from notify.sending.relay import Relay
from notify.text import without_addresses

MAX_REPLY_LINE_BYTES = 4_096
MAX_REPLY_LINES = 100
MAX_REASON_CHARS = 200
QUIT_TIMEOUT_S = 2.0
RESET_TIMEOUT_S = 5.0
MUCH_BIGGER = 1.5
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
LEAVING = 421
PIPELINING = "PIPELINING"
# Everything by which a conversation can break, in the words of asyncio, ssl and our own reading of replies.
BROKEN = (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError)


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


Watch = Callable[[str, float], None]
"""Told of each phase of a conversation and how many seconds it took, also when it failed."""


class Session:
    """A conversation that takes one message after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, relay: Relay, watch: Watch) -> None:
        self._reader = reader
        self._writer = writer
        self._relay = relay
        self._watch = watch
        self._plain: asyncio.StreamWriter | None = None
        self._in_handshake = False
        self._extensions: dict[str, str] = {}
        self._clean = True
        self._arrived_bytes = 0
        self.served = 0
        self.idle_since = 0.0

    async def greet(self) -> None:
        """Take the greeting, encrypt and sign in as the settings say.

        Raises:
            RelayFault: the relay refuses or can't do what is required.

        """
        try:
            async with asyncio.timeout(self._relay.timeouts.overall_s):
                with self._phase("greeting"):
                    self._expect(await self._reply(self._relay.timeouts.greeting_s), "the greeting")
                    await self._hello()
                if self._relay.starttls:
                    with self._phase("tls"):
                        await self._encrypt()
                        await self._hello()
                if self._relay.user:
                    with self._phase("sign_in"):
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
            Stale: the relay left after an earlier message of this conversation.
            ConversationLost: the connection ended or a deadline passed; it says on which side of the dot.

        """
        dotted = False
        try:
            async with asyncio.timeout(self._relay.timeouts.overall_s):
                with self._phase("envelope"):
                    await self._address(envelope)
                with self._phase("body"):
                    await self._body(envelope.raw)
                await before_dot()
                await self._all_there(len(envelope.raw))
                dotted = True
                with self._phase("dot"):
                    self._writer.write(DOT)
                    reply = self._judge(await self._reply(self._relay.timeouts.dot_s), "the message")
        except BROKEN as error:
            where = "after" if dotted else "before"
            raise ConversationLost(f"lost {where} the final dot: {describe(error)}", after_dot=dotted) from error
        finally:
            self.served += 1
        return reply

    @property
    def certificate(self) -> Mapping[str, Any]:
        """Return the relay's verified certificate as ``SSLSocket.getpeercert`` has it; empty without encryption."""
        return self._writer.get_extra_info("peercert") or {}

    async def propose(self, sender: str) -> Reply:
        """Ask whether the relay takes mail from us, and take it back: no mail is begun.

        Raises:
            RelayFault: it does not.

        """
        try:
            with self._phase("envelope"):
                reply = await self._command(f"MAIL FROM:<{sender}>")
                self._expect(reply, "MAIL")
                await self._command("RSET", timeout_s=RESET_TIMEOUT_S)
        except BROKEN as error:
            raise RelayFault(f"lost at MAIL: {describe(error)}") from error
        return reply

    async def ready_again(self) -> bool:
        """Return whether it takes another message; what is left of a refused one is taken back."""
        if self._clean or self._is_gone:
            return not self._is_gone
        with contextlib.suppress(*BROKEN):
            self._clean = (await self._command("RSET", timeout_s=RESET_TIMEOUT_S)).positive
        return self._clean

    async def quit(self) -> None:
        """Say goodbye; whatever happens here changes nothing any more."""
        with contextlib.suppress(*BROKEN):
            await self._command("QUIT", timeout_s=QUIT_TIMEOUT_S)

    async def close(self) -> None:
        """Let go of the connection, at once and in any state."""
        self._writer.transport.abort()
        if self._in_handshake:
            # A handshake that failed took the connection with it: our side will never be told that it is closed.
            return
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(QUIT_TIMEOUT_S):
                await self._writer.wait_closed()

    async def _address(self, envelope: Envelope) -> None:
        lines = [f"MAIL FROM:<{envelope.sender}>", f"RCPT TO:<{envelope.recipient}>", "DATA"]
        # RFC 2920: all at once where the relay offers it, since DATA is the last; the answers come in the same order.
        said = [lines, [], []] if PIPELINING in self._extensions else [[line] for line in lines]
        for number, verb in enumerate(("MAIL", "RCPT", "DATA")):
            try:
                await self._addressed(verb, self._command(*said[number]))
            except Refused:
                await self._pass_over(sum(map(len, said[: number + 1])) - number - 1)
                raise

    async def _addressed(self, verb: str, answer: Awaitable[Reply]) -> None:
        """Wait for the answer to a part of the envelope, and go by it."""
        if verb == "MAIL":
            sender = await self._first(answer)
            # Our own address is the same in every message: its refusal is no message's fault.
            if sender.code in BUSY_CODES or sender.code >= PERMANENT:
                raise RelayFault(f"{sender.code} to MAIL: {words_of(sender)}")
            self._judge(sender, verb)
        elif verb == "RCPT":
            self._judge(await answer, verb)
        elif (go_ahead := await answer).code != START_MAIL_INPUT:
            self._judge(go_ahead, verb)
            raise ConversationLost(f"DATA was answered {go_ahead.code}", after_dot=False)

    async def _pass_over(self, answers: int) -> None:
        """Read the answers to what was said ahead of a refusal; a relay that waits for a body nevertheless is left."""
        codes: list[int] = []
        with contextlib.suppress(*BROKEN):
            async with asyncio.timeout(RESET_TIMEOUT_S):
                while len(codes) < answers:
                    codes.append((await self._reply(RESET_TIMEOUT_S)).code)
        if len(codes) < answers or START_MAIL_INPUT in codes:
            self._writer.transport.abort()

    async def _first(self, answer: Awaitable[Reply]) -> Reply:
        try:
            reply = await answer
        except BROKEN as error:
            if self.served:
                raise Stale(f"a kept connection was gone: {describe(error)}") from error
            raise
        # Relays say so when a connection idled too long or brought its fill of messages.
        if reply.code == LEAVING and self.served:
            raise Stale(f"{reply.code} to MAIL on a kept connection: {words_of(reply)}")
        return reply

    async def _body(self, raw: bytes) -> None:
        async with asyncio.timeout(self._relay.timeouts.body_s):
            self._writer.write(stuffed(raw))
            await self._writer.drain()
        self._must_be_open()

    async def _all_there(self, size: int) -> None:
        """Wait until the relay's machine has all of the body: what never got there was surely not taken.

        Only of one that is much bigger than all before it on this connection. Machines acknowledge the end of what they
        got some 40 ms late, which would halve a flood; and where one of that size has arrived, so will the next one.
        """
        if size > MUCH_BIGGER * self._arrived_bytes:
            with self._phase("arrival"):
                async with asyncio.timeout(self._relay.timeouts.body_s):
                    await acknowledged(self._writer, *filter(None, [self._plain]))
            self._arrived_bytes = size
        self._must_be_open()

    @property
    def _is_gone(self) -> bool:
        return self._reader.at_eof() or self._reader.exception() is not None or self._writer.transport.is_closing()

    def _must_be_open(self) -> None:
        # A relay that left meanwhile surely got no dot from us: that is worth knowing before it is written.
        if self._is_gone:
            raise ConnectionResetError("the relay left before the final dot")

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._watch(name, time.monotonic() - began)

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
        self._in_handshake = True
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
        self._in_handshake = False
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

    async def _command(self, *lines: str, timeout_s: float | None = None) -> Reply:
        """Say these lines, if any, and return the next answer."""
        if lines:
            self._writer.write("".join(f"{line}\r\n" for line in lines).encode("ascii"))
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
        self._clean = False
        raise Refused(reply.code, text, at=at)

    def _expect(self, reply: Reply, what: str) -> None:
        if not reply.positive:
            raise RelayFault(f"{reply.code} to {what}: {words_of(reply)}")


async def opened(relay: Relay, watch: Watch = lambda *_: None) -> Session:
    """Return a session that the relay has greeted, encrypted and signed in as its settings demand.

    Raises:
        RelayFault: it can't be reached, refuses us, or is not what the settings demand.

    """
    session = await _connected(relay, watch)
    try:
        await session.greet()
    except BaseException:
        await session.close()
        raise
    return session


async def _connected(relay: Relay, watch: Watch) -> Session:
    began = time.monotonic()
    try:
        async with asyncio.timeout(relay.timeouts.connect_s):
            reader, writer = await asyncio.open_connection(relay.host, relay.port, limit=MAX_REPLY_LINE_BYTES)
    except (OSError, TimeoutError, UnicodeError) as error:  # the last of a name that cannot be one
        raise RelayFault(f"{relay.host}:{relay.port} cannot be reached: {describe(error)}") from error
    finally:
        watch("connect", time.monotonic() - began)
    return Session(reader, writer, relay, watch)


def stuffed(raw: bytes) -> bytes:
    """Return the message as DATA carries it: a dot at a line's start doubled, and a line end before the final dot."""
    body = raw.replace(b"\r\n.", b"\r\n..")
    body = b"." + body if body.startswith(b".") else body
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def words_of(reply: Reply) -> str:
    """Return the reply's text as it may be kept and shown."""
    return without_addresses(reply.text)[:MAX_REASON_CHARS]


def describe(error: BaseException) -> str:
    """Name what happened, without line ends and never without words."""
    text = without_addresses(str(error))
    return f"{type(error).__name__}: {text}"[:MAX_REASON_CHARS] if text else type(error).__name__
