"""A relay whose certificate is not what it must be: the queue waits, nothing is said in plain, nothing is lost."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import certificate, served, trusting
from faulty_relay import FaultyRelay
from notify.queueing import pause
from outgoing import Eventually, events, know, messages, placed, record, sending, settled
from sqlalchemy import Engine
from structlog.testing import capture_logs


def reason(engine: Engine) -> str:
    with engine.connect() as connection:
        return pause.current(connection)[pause.PRIMARY].reason or ""


@dataclass(frozen=True)
class Bad:
    """A certificate that no client shall accept, and what is said of it."""

    words: str
    name: str = "127.0.0.1"
    days: float = 90
    is_known: bool = True


@pytest.mark.parametrize(
    "fault",
    [
        Bad("self-signed certificate", is_known=False),
        Bad("certificate has expired", days=-1),
        Bad("is not valid for '127.0.0.1'", name="mail.elsewhere.example"),
    ],
    ids=["nobody vouches for it", "expired", "of another name"],
)
async def test_a_bad_certificate_holds_the_queue_until_it_is_mended_and_costs_nothing(  # noqa: PLR0917 - fixtures
    engine: Engine, relay: FaultyRelay, eventually: Eventually, soon: None, tmp_path: Path, fault: Bad
) -> None:
    bad, good = certificate(tmp_path, name=fault.name, days=fault.days), certificate(tmp_path, called="mended")
    relay.tls, relay.scripts = served(bad), ["starttls"]
    trust = trusting([good, bad] if fault.is_known else [good])
    know(engine)
    record(engine, placed())
    with capture_logs() as logs:
        async with sending(engine, relay.port, starttls=True, trust=trust, user="hub", password="secret"):
            await asyncio.to_thread(eventually, lambda: fault.words in reason(engine))
            await asyncio.to_thread(eventually, lambda: relay.connections >= 2)
            # While one is tried, the attempt stands in its row; it is taken back with the fault.
            await asyncio.to_thread(eventually, lambda: [row.attempts for row in messages(engine)] == [0])
            assert (relay.taken, events(engine)) == ([], [])
            relay.tls = served(good)
            (row,) = await settled(engine, eventually, "sent")
    assert row.attempts == 1
    assert len(relay.taken) == 1
    alarms = [log for log in logs if log["event"] == "alarm_queue_paused"]
    assert alarms
    assert all(fault.words in alarm["reason"] and alarm["relay"] == "primary" for alarm in alarms)
    assert set(relay.heard_in_plain) == {"EHLO notify.test", "STARTTLS"}
