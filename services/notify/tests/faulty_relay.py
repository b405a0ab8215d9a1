"""An SMTP server that fails as it is told, one script per connection; raw sockets, a thread per connection."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

END = b"\r\n.\r\n"
IDLE_S = 30
SMALLEST_BUFFER = 2_304
# What relays say to whoever sends, to each mail in turn: at which part, and how.
OF_US = {
    "denied": ("rcpt", "554 5.7.1 Relay access denied"),
    "spent": ("dot", "554 Message rejected: sending is paused for this account"),
}


@dataclass(frozen=True)
class Taken:
    """A message whose final dot arrived; whether the sender learnt of it is another matter."""

    script: str
    sender: str
    recipient: str
    raw: bytes


@dataclass
class FaultyRelay:
    """Scripts are played in order, the last one for every connection that follows.

    Scripts: accept · drop_before_greeting · hang_before_greeting · greeting_421 · greeting_554 · mail_451 · mail_553 ·
    mail_421 · rcpt_450 · rcpt_550 · rcpt_421 · data_554 · drop_at_data · drop_mid_data · dot_451 · dot_552 ·
    drop_after_dot · hang_after_dot · drop_after_250 · hang_after_250 · drip · babble · endless_reply · auth_535 ·
    auth_login · auth_login_refused · starttls · leave_after_one · full_after_one · first_550 · greylist ·
    first_550_then_354 (waits for a body nevertheless) · denied (at RCPT) · spent (after the dot) ·
    deaf (reads nothing of a body)

    ``pipelining``: whether it offers to take several commands at once; it notes how many came so in ``most_ahead``.

    ``at`` is called in each phase, before it is answered: connected · mail · rcpt · data · body · taken.
    """

    port: int = 0
    scripts: list[str] = field(default_factory=lambda: ["accept"])
    tls: ssl.SSLContext | None = None
    before_answer: Callable[[], None] | None = None
    at: Callable[[str], None] | None = None
    greylisted: set[str] = field(default_factory=set)
    taken: list[Taken] = field(default_factory=list)
    heard_in_plain: list[str] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    signed_in: tuple[str, str] | None = None
    unfinished: list[bytes] = field(default_factory=list)
    """What came of bodies whose final dot never did."""
    pipelining: bool = True
    most_ahead: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        if "deaf" in self.scripts:
            # What it does not read must not fit into what its machine takes for it.
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_BUFFER)
        self._spawn(self._listen, self._listener)

    def stop(self) -> None:
        self.released.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        self._open.clear()
        self._threads.clear()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                self.connections += 1
            connection.settimeout(IDLE_S)
            self._open.append(connection)
            self._spawn(self._serve, connection, script)

    def _serve(self, connection: socket.socket, script: str) -> None:
        dialogue = _Dialogue(self, connection, script)
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        with contextlib.suppress(OSError, EOFError):
            dialogue.run()
        dialogue.connection.close()
        with self._lock:
            self.at_once -= 1


class _Dialogue:
    def __init__(self, relay: FaultyRelay, connection: socket.socket, script: str) -> None:
        self.relay, self.connection, self.script = relay, connection, script
        self.received = b""
        self.messages = 0
        self.sender = self.recipient = ""
        self.encrypted = self.is_addressed = False

    def reached(self, phase: str) -> None:
        if self.relay.at is not None:
            self.relay.at(phase)

    def run(self) -> None:
        self.reached("connected")
        if self.script == "drop_before_greeting":
            return
        if self.script == "hang_before_greeting":
            self.relay.released.wait(IDLE_S)
            return
        if self.script == "endless_reply":
            while True:
                self.say("220-more to come")
        if self.script.startswith("greeting_"):
            self.say(f"{self.script[9:]} not today")
            return
        self.say("<html>this is no SMTP server" if self.script == "babble" else "220 faulty.example ESMTP")
        while self.answer(self.line()):
            pass

    def answer(self, line: str) -> bool:
        verb = line.partition(":")[0].partition(" ")[0].upper()
        handler = getattr(self, f"on_{verb.lower()}", None)
        if handler is None:
            self.say("502 what?")
            return True
        return bool(handler(line))

    def on_ehlo(self, line: str) -> bool:
        extensions = ["8BITMIME", "AUTH LOGIN" if self.script.startswith("auth_login") else "AUTH PLAIN LOGIN"]
        if self.relay.pipelining:
            extensions.append("PIPELINING")
        if self.script == "starttls" and not self.encrypted:
            extensions.append("STARTTLS")
        for extension in extensions:
            self.say(
                f"250-{extension}" if extension != extensions[-1] else f"250 {extension}", first=extension == "8BITMIME"
            )
        return True

    def on_starttls(self, line: str) -> bool:
        # With the go-ahead comes what an attacker might have slipped in before the encryption.
        self.connection.sendall(b"220 go ahead\r\n535 injected in the clear\r\n")
        assert self.relay.tls is not None
        self.connection = self.relay.tls.wrap_socket(self.connection, server_side=True)
        self.encrypted = True
        return True

    def on_auth(self, line: str) -> bool:
        if self.script == "auth_login":
            self.say("334 VXNlcm5hbWU6")
            user = self.line()
            self.say("334 UGFzc3dvcmQ6")
            self.relay.signed_in = (user, self.line())
        refused = self.script in ("auth_535", "auth_login_refused")
        self.say("535 5.7.8 wrong" if refused else "235 welcome")
        return True

    def on_mail(self, line: str) -> bool:
        self.reached("mail")
        self.relay.most_ahead = max(self.relay.most_ahead, self.received.count(b"\r\n"))
        self.is_addressed = False
        self.sender = line.partition("<")[2].partition(">")[0]
        if self.script == "full_after_one" and self.messages:
            self.say("421 4.7.0 enough on this connection")
            return False
        self.messages += 1
        return self.coded("mail", "250 ok")

    def on_rcpt(self, line: str) -> bool:
        self.reached("rcpt")
        self.recipient = line.partition("<")[2].partition(">")[0]
        if self.script == "greylist" and self.recipient not in self.relay.greylisted:
            self.relay.greylisted.add(self.recipient)
            self.say("450 4.2.0 greylisted, come again")
            return True
        if self.script.startswith("first_550") and self.messages == 1:
            self.say("550 5.1.1 nobody of that name")
            return True
        self.is_addressed = not self.script.startswith(("rcpt_", "denied"))
        return self.coded("rcpt", "250 ok")

    def on_data(self, line: str) -> bool:
        if not (self.is_addressed or self.script == "first_550_then_354"):
            self.say("503 5.5.1 nobody to write to")
            return True
        self.reached("data")
        if self.script == "drop_at_data":
            return False
        if not self.coded("data", "354 go on"):
            return False
        if self.script == "data_554":
            return True
        if self.script in ("deaf", "drop_mid_data"):
            self.stop_reading()
            return False
        raw = self.until_dot()
        return self.take(raw)

    def stop_reading(self) -> None:
        if self.script == "deaf":
            self.relay.released.wait(IDLE_S)
        else:
            self.connection.recv(100)
            self.reset()

    def take(self, raw: bytes) -> bool:
        if self.script in ("dot_451", "dot_552", "spent"):
            return self.coded("dot", "")
        self.relay.taken.append(Taken(self.script, self.sender, self.recipient, raw))
        self.reached("body")
        if self.relay.before_answer is not None:
            self.relay.before_answer()
        if self.script == "drop_after_dot":
            return False
        if self.script == "hang_after_dot":
            self.relay.released.wait(IDLE_S)
            return False
        self.say("250 taken")
        self.reached("taken")
        if self.script == "leave_after_one":
            return False
        if self.script == "drop_after_250":
            self.reset()
            return False
        if self.script == "hang_after_250":
            self.relay.released.wait(IDLE_S)
        return True

    def on_rset(self, line: str) -> bool:
        # One that fails as a script says gets no second message in the same conversation.
        self.say("250 ok" if self.script.startswith("first_550") else "502 what?")
        return True

    def on_quit(self, line: str) -> bool:
        self.say("221 bye")
        return False

    def coded(self, at: str, otherwise: str) -> bool:
        where, words = OF_US.get(self.script, ("", ""))
        if at == where:
            self.say(words)
            return True
        if self.script.startswith(f"{at}_"):
            code = self.script.rpartition("_")[2]
            status = "5.1.1" if self.script == "rcpt_550" else "5.0.0"
            self.say(f"{code} {status} <{self.recipient}>: scripted refusal")
            return code != "421"
        self.say(otherwise)
        return True

    def say(self, text: str, *, first: bool = False) -> None:
        data = (("250-faulty.example\r\n" if first else "") + text + "\r\n").encode()
        if self.script == "drip":
            for byte in data:
                self.connection.sendall(bytes([byte]))
                time.sleep(0.05)
        else:
            self.connection.sendall(data)

    def line(self) -> str:
        while b"\r\n" not in self.received:
            self.more()
        line, self.received = self.received.split(b"\r\n", 1)
        if not self.encrypted:
            self.relay.heard_in_plain.append(line.decode())
        return line.decode()

    def until_dot(self) -> bytes:
        try:
            while END not in self.received:
                self.more()
        except (OSError, EOFError):
            self.relay.unfinished.append(self.received)
            raise
        stuffed, self.received = self.received.split(END, 1)
        return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in stuffed.split(b"\r\n")) + b"\r\n"

    def more(self) -> None:
        data = self.connection.recv(65_536)
        if not data:
            raise EOFError
        self.received += data

    def reset(self) -> None:
        """Close with RST, as a crashing server or a firewall does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
