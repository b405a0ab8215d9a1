"""A DNS server on loopback that answers as it is told; real questions and answers over UDP, long ones over TCP."""

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL_S = 60
# What fits into an answer over UDP where the question does not say otherwise.
PLAIN_BYTES = 512
LONGEST_BYTES = 65_535
SERVFAIL = "SERVFAIL"
SILENCE = "silence"


def quoted(text: str, size: int = 255) -> str:
    """A TXT record as a zone file writes it: in strings of at most 255 characters."""
    return " ".join(f'"{text[start : start + size]}"' for start in range(0, len(text), size))


@dataclass
class NameServer:
    """``records``: by name and type their values; ``troubles``: by name SERVFAIL or silence."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    _sockets: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(("127.0.0.1", self.port))
        self._sockets = [listener, datagrams]
        for serve, each in ((self._serve_streams, listener), (self._serve, datagrams)):
            self._threads.append(threading.Thread(target=serve, args=(each,), daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        listener, datagrams = self._sockets
        # Wakes the threads up, which a mere close does not.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join(timeout=5)
        listener.close()
        datagrams.close()

    def txt(self, name: str, *texts: str) -> None:
        self.records[name, "TXT"] = [quoted(text) for text in texts]

    def _serve(self, listening: socket.socket) -> None:
        while True:
            wire, client = listening.recvfrom(4_096)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            if (answer := self._answer(query)) is not None:
                listening.sendto(_cut(answer, query.payload or PLAIN_BYTES), client)

    def _serve_streams(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                (length,) = struct.unpack("!H", stream.read(2))
                if (answer := self._answer(dns.message.from_wire(stream.read(length)))) is not None:
                    wire = answer.to_wire(max_size=LONGEST_BYTES)
                    connection.sendall(struct.pack("!H", len(wire)) + wire)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        trouble = self.troubles.get(name)
        if trouble == SILENCE:
            return None
        answer = dns.message.make_response(query, recursion_available=True)
        if trouble == SERVFAIL:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        self._fill(answer, name, kind)
        return answer

    def _fill(self, answer: dns.message.Message, name: str, kind: str) -> None:
        # A resolver follows aliases by itself and puts the whole way into its answer.
        while alias := self.records.get((name, "CNAME")):
            answer.answer.append(dns.rrset.from_text(f"{name}.", TTL_S, "IN", "CNAME", f"{alias[0]}."))
            name = alias[0]
        if values := self.records.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(f"{name}.", TTL_S, "IN", kind, *values))
        elif not any(known == name or known.endswith(f".{name}") for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)


def _cut(answer: dns.message.Message, size: int) -> bytes:
    """The answer as it fits: what does not is asked for again over TCP."""
    try:
        return answer.to_wire(max_size=size)
    except dns.exception.TooBig:
        answer.answer.clear()
        answer.flags |= dns.flags.TC
        return answer.to_wire()
