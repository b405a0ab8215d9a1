"""``mercadito-events``: make the streams, watch events, see who lags behind, tell again what was lost or failed."""

import argparse
import asyncio
import logging
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

from nats.aio.client import Client as NATS  # noqa: N814 - the name its own package gives it
from nats.errors import Error
from nats.js.errors import APIError

from mercadito_events import lag, provisioner, tail, topology
from mercadito_events.connection import NatsClosed, NatsSettings, NatsUnreachable, connect
from mercadito_events.service import logs
from mercadito_events.service.settings import Reader, SettingsError, database, nats

if TYPE_CHECKING:
    from mercadito_events.service.database import DatabaseSettings

CONNECT_DEADLINE_S = 3.0
PROVISION_DEADLINE_S = 60.0
MAX_EVENTS = 100_000
# JetStream's own bound.
MAX_REPLICAS = 5
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def main(arguments: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run a command; 0 is success, 1 a failure that is explained on stderr, 2 a wrong call or wrong settings."""
    given = _parser().parse_args(arguments)
    logs.configure("mercadito-events", version("mercadito-events"), "error", stream=sys.stderr)
    logging.getLogger("nats").setLevel(logging.CRITICAL)  # what it says is told once, below, in plain words
    reader = Reader(os.environ if env is None else env)
    try:
        return _dispatch(given, reader)
    except SettingsError as error:
        return _fail(str(error), 2)
    except (NatsUnreachable, NatsClosed, tail.NotReadable) as error:
        return _fail(str(error))
    except APIError as error:
        return _fail(f"NATS refuses: {error.description or error}")
    except (TimeoutError, Error):
        return _fail(
            f"NATS gives no answer to user {reader.text('NATS_USER')!r}: either it may not ask for this,"
            " or JetStream is off"
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the interpreter's last flush is quiet
        return 0


def _dispatch(given: argparse.Namespace, reader: Reader) -> int:
    if given.command == "replay":
        return _replay(reader, given.since)
    settings = nats(reader)
    replicas = reader.integer("NATS_REPLICAS", 1, minimum=1, maximum=MAX_REPLICAS)
    outbox = database(reader) if (given.command, given.action) == ("dlq", "replay") else None
    reader.finish()
    return asyncio.run(_run(given, settings, replicas, outbox))


def _replay(reader: Reader, since: datetime) -> int:
    from mercadito_events import retelling  # noqa: PLC0415 - realtime has no database, and no sqlalchemy either

    settings = database(reader)
    reader.finish()
    try:
        with retelling.outbox_of(settings) as engine:
            told = retelling.tell_since(engine, since)
    except retelling.OutboxAway as error:
        return _fail(str(error))
    first = f", the first of {told.oldest.astimezone(UTC).isoformat(timespec='seconds')}" if told.oldest else ""
    _show(f"{settings.url.database}: {told.events} events are told again{first}")
    return 0


async def _run(
    given: argparse.Namespace, settings: NatsSettings, replicas: int, outbox: "DatabaseSettings | None"
) -> int:
    deadline_s = PROVISION_DEADLINE_S if given.command == "provision" else CONNECT_DEADLINE_S
    nc = await connect(settings, name=f"cli-{given.command}", deadline_s=deadline_s)
    try:
        if given.command == "provision":
            return await _provision(nc, replicas)
        if given.command == "lag":
            print(lag.table(await lag.measure(nc)))  # noqa: T201 - this is what the command is for
            return 0
        if given.command == "dlq":
            return await _dlq(nc, given, outbox)
        return await _tail(nc, given)
    finally:
        await nc.close()


async def _dlq(nc: NATS, given: argparse.Namespace, outbox: "DatabaseSettings | None") -> int:
    from mercadito_events import dlq, retelling  # noqa: PLC0415 - as above

    if given.action == "list":
        await dlq.show_list(nc, given.durable, _show)
        return 0
    if given.action == "show":
        return 0 if await dlq.show_one(nc, given.number, _show) else _fail(f"there is no dead letter {given.number}")
    if outbox is None:
        return 0 if await dlq.discard(nc, given.numbers, _show) else _fail("there are no such dead letters")
    try:
        with retelling.outbox_of(outbox) as engine:
            return 0 if await dlq.replay(nc, engine, given.numbers, _show) else 1
    except retelling.OutboxAway as error:
        return _fail(str(error))


async def _provision(nc: NATS, replicas: int) -> int:
    outcomes = await provisioner.provision(nc, topology.load(replicas=replicas))
    for outcome in outcomes:
        print(f"{outcome.action:<9} {outcome.name}{': ' + outcome.detail if outcome.detail else ''}")  # noqa: T201 - the same
    refused = any(outcome.action == "refused" for outcome in outcomes)
    return _fail("not everything is as streams.yaml wants it") if refused else 0


async def _tail(nc: NATS, given: argparse.Namespace) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    follower = tail.Tail(nc, given.subject, since=given.since)
    await follower.run(stop, _show, limit=given.limit, follow=not given.no_follow)
    return 0


def _show(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is what the command is for


def _fail(text: str, status: int = 1) -> int:
    print(f"mercadito-events: {text}", file=sys.stderr)  # noqa: T201 - the same
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mercadito-events",
        description="Make the streams, watch events, see who lags behind, tell again what was lost or failed.",
        epilog="Settings: NATS_URL, NATS_USER, NATS_PASSWORD or NATS_PASSWORD_FILE; for what tells again DATABASE_URL,"
        " DATABASE_PASSWORD or DATABASE_PASSWORD_FILE of the service whose events they are.",
    )
    parser.set_defaults(action=None)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("provision", help="make streams and durables as streams.yaml says (user provisioner)")
    commands.add_parser("lag", help="show how far behind each durable is (user operator)")
    tail_ = commands.add_parser("tail", help="print events as they come: id, time, type, body (user operator)")
    tail_.add_argument("subject", metavar="SUBJECT", help="such as orders.>, usda.price.recorded.v1, dlq.>")
    tail_.add_argument("--since", type=_moment, help="start in the past: 10m, 2h, 1d, or an ISO time with its zone")
    tail_.add_argument(
        "--limit", type=_count, default=MAX_EVENTS, help=f"end after so many events (default {MAX_EVENTS:,})"
    )
    tail_.add_argument("--no-follow", action="store_true", help="end when there are no more")
    replay = commands.add_parser("replay", help="tell again what a service published, from its outbox")
    replay.add_argument("--since", type=_moment, required=True, help="from when on: 10m, 2h, 1d, or an ISO time")
    _add_dlq(commands)
    return parser


def _add_dlq(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    actions = commands.add_parser("dlq", help="dead letters (user operator)").add_subparsers(
        dest="action", required=True
    )
    list_ = actions.add_parser("list", help="a line each: number, time, durable, type, id, error")
    list_.add_argument("durable", metavar="DURABLE", nargs="?", type=_durable, help="of this one only")
    show = actions.add_parser("show", help="one of them whole: headers, body")
    show.add_argument("number", metavar="NUMBER", type=_letter)
    for name, text in (
        ("replay", "tell events again that this service published, and take the letters off"),
        ("discard", "take letters off for good"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("numbers", metavar="NUMBER", nargs="+", type=_letters, help="17, or 17-20")


def _moment(text: str) -> datetime:
    try:
        return _read_moment(text)
    except OverflowError:
        raise argparse.ArgumentTypeError(f"{text!r} is before there were events") from None


def _read_moment(text: str) -> datetime:
    short = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if short:
        return datetime.now(UTC) - timedelta(**{_UNITS[short[2]]: int(short[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither like 10m, 2h, 1d nor an ISO time") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no zone; add Z or an offset")
    return moment.astimezone(UTC)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= MAX_EVENTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_EVENTS:,}")
    return int(text)


def _durable(text: str) -> str:
    if text not in (known := [durable.name for stream in topology.load() for durable in stream.durables]):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(known)}")
    return text


def _letter(text: str) -> int:
    (number,) = (wanted := _letters(text))[:1]
    if len(wanted) > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is more than one")
    return number


def _letters(text: str) -> range:
    found = re.fullmatch(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", text)
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number like 17 nor a range like 17-20")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


if __name__ == "__main__":
    sys.exit(main())
