"""permessage-deflate (RFC 7692) for what is worth it: replays, never single news.

Neither side keeps a window between messages (``no_context_takeover``), so a socket that speaks it costs no memory, and
what is compressed for one client is right for all. Most frames go out as they are, which the RFC allows.
"""

import zlib
from collections.abc import Sequence

WORTH_BYTES = 1_024
"""Smaller frames are not compressed."""

EXTENSION = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
_RAW = -15
_END = b"\x00\x00\xff\xff"
_BARE = {"server_no_context_takeover", "client_no_context_takeover", "client_max_window_bits"}
_VALUED = {"client_max_window_bits"}


class BadDeflate(ValueError):
    """What was sent is not the end of a deflate stream."""


def negotiate(offers: Sequence[str]) -> str | None:
    """Return the answer to a client's ``Sec-WebSocket-Extensions``, or None when it offers nothing of use."""
    for offer in ",".join(offers).split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == "permessage-deflate" and all(map(_is_fine, parameters)) and len(set(parameters)) == len(parameters):
            return EXTENSION
    return None


def _is_fine(parameter: str) -> bool:
    """Say whether we can do as the parameter asks; of a smaller window of ours we can't be sure."""
    name, _, value = (part.strip() for part in parameter.partition("="))
    if value:
        return (name in _VALUED and value.strip('"').isdigit()) or (name, value.strip('"')) == (
            "server_max_window_bits",
            "15",
        )
    return name in _BARE


def piece(payload: bytes) -> bytes:
    """Compress a part of a message so that it can stand beside others: it refers to nothing and ends on a byte."""
    compressor = zlib.compressobj(wbits=_RAW)
    return compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)


def message(pieces: Sequence[bytes]) -> bytes:
    """Put pieces together as the payload of one compressed message."""
    return b"".join(pieces).removesuffix(_END)


def inflate(payload: bytes, limit: int) -> bytes:
    """Return what was compressed, or its first ``limit`` + 1 bytes when it is longer.

    Raises:
        BadDeflate: it is not deflate.

    """
    try:
        return zlib.decompressobj(wbits=_RAW).decompress(payload + _END, limit + 1)
    except zlib.error:
        raise BadDeflate from None
