"""An SMTP server that delivers nothing: each accepted message becomes one raw ``.eml`` file."""

import asyncio
import logging
import os
import signal
import uuid
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from mercadito_demo.settings import MailSettings

MAX_MESSAGE_BYTES = 10 * 1024 * 1024  # more is refused with 552
MAX_MESSAGES = 100_000  # with this many in the folder further ones are refused with 452
IDLE_TIMEOUT_S = 60

log = logging.getLogger(__name__)


def keep(folder: Path, message: bytes) -> Path:
    """Write a message so that a reader sees all of it or nothing, and a crash after the answer loses nothing.

    The name begins with the time and is new for each message, even for the same one again.
    """
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex}.eml"
    hidden, final = folder / f".{name}", folder / name
    with hidden.open("xb") as file:
        file.write(message)
        file.flush()
        os.fsync(file.fileno())
    hidden.rename(final)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return final


class Keeper:
    """aiosmtpd's handler: answers a message only when it is on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = sum(1 for _ in folder.glob("*.eml"))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - the hook's signature
        """Keep the message and return the SMTP answer."""
        if self._kept >= MAX_MESSAGES:
            log.error("mail_folder_full", extra={"fields": {"messages": self._kept}})
            return "452 4.2.2 the folder is full"
        try:
            kept = await asyncio.to_thread(keep, self._folder, envelope.original_content or b"")
        except OSError as problem:
            log.exception("mail_not_kept", extra={"fields": {"errno": problem.errno}})
            return "451 4.3.0 could not write the message"
        self._kept += 1
        log.info("mail_kept", extra={"fields": {"file": kept.name, "bytes": len(envelope.original_content or b"")}})
        return f"250 2.0.0 kept as {kept.name}"


def _remove_unfinished(folder: Path) -> None:
    """Remove what a crash left half written: it was never accepted."""
    for hidden in folder.glob(".*.eml"):
        hidden.unlink()


async def serve(settings: MailSettings, started: asyncio.Future[int] | None = None) -> None:
    """Accept mail until SIGTERM or SIGINT; ``started`` gets the port that was bound."""
    settings.mail_dir.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(settings.mail_dir)
    keeper = Keeper(settings.mail_dir)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def session() -> SMTP:
        return SMTP(
            keeper,
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname="mail.demo",
            ident="Mercadito demo mail",
            timeout=IDLE_TIMEOUT_S,
            loop=loop,
        )

    server = await loop.create_server(session, settings.host, settings.port)
    port: int = server.sockets[0].getsockname()[1]
    log.info("listening", extra={"fields": {"host": settings.host, "port": port, "folder": str(settings.mail_dir)}})
    if started is not None:
        started.set_result(port)
    await stop.wait()
    server.close()
    log.info("stopped")
