"""One WebSocket as picows carries it: frames in become a session's messages, a full way pauses it."""

from collections.abc import Callable
from functools import partial
from typing import cast

import structlog
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from realtime import deflate, handshake
from realtime.chain import Deliver
from realtime.handshake import Headers
from realtime.protocol import HEAD, MAX_FRAME_BYTES, Close, Frame
from realtime.session import Session

_log = structlog.get_logger(__name__)
_TEXT, _DATA = WSMsgType.TEXT, (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION)
ABNORMAL = 1006


class WebSocket(WSListener):
    """A client's connection; ``opened`` makes its session once the upgrade has been answered, ``ended`` is told last.

    picows sends straight to the kernel and keeps only what that did not take; the first byte that waits here pauses
    the session.
    """

    __slots__ = (
        "_address",
        "_compresses",
        "_ended",
        "_is_compressed",
        "_opened",
        "_pieces",
        "_request_id",
        "_session",
        "_transport",
        "deliver",
    )

    def __init__(
        self,
        headers: Headers,
        *,
        compresses: bool,
        opened: Callable[["WebSocket", str], Session],
        ended: Callable[[Session, int, str | None], None],
    ) -> None:
        self._address, self._request_id = handshake.address_of(headers, None), handshake.request_id_of(headers)
        self._compresses, self._is_compressed = compresses, False
        self._opened, self._ended = opened, ended
        self._pieces: bytearray | None = None
        self._session: Session | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin; picows calls it after its 101 went out."""
        try:
            self._begin(transport)
        except Exception:
            _log.exception("socket_failed", request_id=self._request_id)
            raise  # picows closes with 1011

    def _begin(self, transport: WSTransport) -> None:
        self._transport = transport
        self.deliver: Deliver = partial(transport.send_reuse_external_bytearray, _TEXT)
        transport.underlying_transport.set_write_buffer_limits(high=0)
        transport.request.headers.clear()  # picows would keep some kB of them for as long as the socket is open
        peer = transport.underlying_transport.get_extra_info("peername")
        self._session = self._opened(self, self._address or handshake.count_as(str(peer[0])))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame; those that belong together are put together first."""
        session = self._session
        if session is None:
            return
        try:
            if frame.msg_type == WSMsgType.CLOSE:
                self._take_close(session, transport, frame)
            elif frame.msg_type in _DATA and session.closed_with is None:
                self._take(session, frame)
        except Exception:  # noqa: BLE001 - the outermost frame of a client: whatever it is, the others go on
            _log.exception("session_failed", session=session.id)
            session.close(Close.FAULT, "internal error")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """End, however it came."""
        session, self._session = self._session, None
        if session is not None:
            self._ended(session, session.closed_with or _code_of(transport), self._request_id)

    def pause_writing(self) -> None:
        """Some bytes wait here: the kernel takes no more."""
        if self._session is not None:
            self._session.pause()

    def resume_writing(self) -> None:
        """Nothing waits any more."""
        if self._session is not None:
            self._session.resume()

    def send(self, frame: Frame) -> None:
        if frame.replay is None or not self._compresses:
            self.deliver(frame.buffer, HEAD)
        else:
            self._transport.send(_TEXT, frame.replay.compressed(frame), rsv1=True)

    def close(self, code: int, reason: str) -> None:
        self._transport.send_close(cast("WSCloseCode", code), reason.encode())

    def abort(self) -> None:
        self._transport.disconnect(graceful=False)

    def buffered(self) -> int:
        return int(self._transport.underlying_transport.get_write_buffer_size())

    def _take(self, session: Session, frame: WSFrame) -> None:
        is_first = frame.msg_type != WSMsgType.CONTINUATION
        is_odd = frame.rsv2 or frame.rsv3 or (frame.rsv1 and not (is_first and self._compresses))
        if is_odd or is_first == (self._pieces is not None):
            return session.close(Close.BROKEN_PROTOCOL, "not what RFC 6455 allows here")
        if frame.msg_type == WSMsgType.BINARY:
            return session.close(Close.NOT_TEXT, "text frames only")
        if is_first:
            self._is_compressed = frame.rsv1
        if is_first and frame.fin:
            return self._hear(session, frame.get_payload_as_bytes())
        return self._gather(session, frame)

    def _gather(self, session: Session, frame: WSFrame) -> None:
        if self._pieces is None:
            self._pieces = bytearray()
        self._pieces += frame.get_payload_as_memoryview()
        if len(self._pieces) > MAX_FRAME_BYTES:
            self._pieces = None
            return session.close(Close.TOO_BIG, "over 4 kB")
        if frame.fin:
            whole, self._pieces = bytes(self._pieces), None
            self._hear(session, whole)
        return None

    def _hear(self, session: Session, payload: bytes) -> None:
        try:
            if self._is_compressed:
                payload = deflate.inflate(payload, MAX_FRAME_BYTES)
            text = payload.decode()
        except (UnicodeDecodeError, deflate.BadDeflate):
            return session.close(Close.NOT_UTF_8, "not UTF-8")
        if len(payload) > MAX_FRAME_BYTES:
            return session.close(Close.TOO_BIG, "over 4 kB")
        return session.receive(text)

    def _take_close(self, session: Session, transport: WSTransport, frame: WSFrame) -> None:
        """Answer a client that closes, or end what we began to close."""
        if session.closed_with is None:
            code = frame.get_close_code()
            session.leave()
            transport.send_close(code if code != WSCloseCode.NO_INFO else WSCloseCode.OK)
        transport.disconnect()


def _code_of(transport: WSTransport) -> int:
    """Return the code with which the client, or picows for a frame that broke the protocol, closed."""
    shaken = transport.close_handshake
    said = None if shaken is None else (shaken.recv or shaken.sent)
    return ABNORMAL if said is None else cast("int", said.code)
