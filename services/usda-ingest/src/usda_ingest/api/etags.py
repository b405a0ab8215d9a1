"""ETags: strong ones from what an answer depends on, and whether a request already has what it asks for."""

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_DIGEST_BYTES = 12


def etag(*parts: object) -> str:
    """Return the ETag of what is the same whenever the parts are and this release answers."""
    told = blake2b(_release(), digest_size=_DIGEST_BYTES)
    for part in parts:
        told.update(b"\x00" + str(part).encode("utf-8", "surrogatepass"))
    return f'"{told.hexdigest()}"'


def etag_of(body: bytes) -> str:
    """Return the ETag of a body."""
    return f'"{blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()}"'


def is_named(if_none_match: str | None, current: str) -> bool:
    """Say whether ``If-None-Match`` names the ETag; compared weakly, because gateways weaken it by compressing."""
    return if_none_match is not None and current in _TAG.findall(if_none_match)


def is_known(if_none_match: str | None, current: str) -> bool:
    """Say whether ``If-None-Match`` holds for an answer that there is: its ETag is named, or any will do (``*``)."""
    return is_named(if_none_match, current) or (if_none_match or "").strip() == "*"


@lru_cache(maxsize=1)
def _release() -> bytes:
    """Return the digest of this package's files: another release may answer the same question otherwise."""
    told = blake2b()
    for name, content in sorted(_contents(files("usda_ingest"))):
        told.update(name.encode() + b"\x00" + content + b"\x00")
    return told.digest()


def _contents(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _contents(entry)
        elif entry.name.endswith((".py", ".csv")):
            yield str(entry), entry.read_bytes()
