"""What must be true of the databases and the mailbox, whatever was done to the system."""

from collections import Counter
from pathlib import Path

from tests.driver.polling import eventually
from tests.driver.system import System
from tests.faults.containers import is_well, sql

SERVICES = ("orders-web", "orders-worker", "realtime", "usda", "notify", "gateway")
FLOWS_WITHIN_S = 180.0
ARRIVED_WITHIN_S = 120.0

_STOCK = """
    SELECT offers.id, available, remaining, coalesce(sum(quantity) FILTER (WHERE orders.state <> 'cancelled'), 0)
    FROM offers LEFT JOIN order_lines ON order_lines.offer_id = offers.id LEFT JOIN orders ON orders.id = order_id
    WHERE available IS NOT NULL GROUP BY offers.id
    HAVING remaining < 0
        OR available <> remaining + coalesce(sum(quantity) FILTER (WHERE orders.state <> 'cancelled'), 0)
"""
_LATE_EVENTS = "SELECT count(*) FROM outbox WHERE published_at IS NULL AND created_at < now() - interval '2 s'"
_LATE_MAILS = """
    SELECT count(*) FROM messages WHERE state IN ('queued', 'sending') AND due_at < now() - interval '5 s'
"""
_ORDERS = "SELECT id FROM orders WHERE placed_at > to_timestamp({since})"
_MAILS = """
    SELECT order_id, message_id, state, unanswered, state = 'suppressed' AND EXISTS (
        SELECT FROM messages AS newer WHERE newer.order_id = m.order_id AND newer.person_id = m.person_id
        AND newer.kind IN ('order_changed', 'order_cancelled') AND newer.state = 'sent')
    FROM messages AS m WHERE kind = 'order_confirmation' AND created_at > to_timestamp({since})
"""


def now_of(system: System) -> str:
    """Return the database's clock, in seconds."""
    return sql(system, "postgres", "SELECT extract(epoch FROM clock_timestamp())")[0][0]


def _in_the_way(system: System) -> list[str]:
    """Name the processes that are not well; of a system that is, the databases in which something waits too long."""
    unwell = [service for service in ("postgres", "nats", *SERVICES) if not is_well(system, service)]
    if unwell:
        return [f"{service} is not well" for service in unwell]
    asked = [(database, "events", _LATE_EVENTS) for database in ("orders", "usda", "notify")]
    late = [(*each, sql(system, each[0], each[2])[0][0]) for each in (*asked, ("notify", "mails", _LATE_MAILS))]
    return [f"{count} {what} of {database} wait" for database, what, _, count in late if count != "0"]


def flows_again(system: System) -> None:
    """Wait until every process is well, and neither an event nor a mail that could leave waits."""
    seen: list[str] = []

    def flows() -> bool:
        seen[:] = _in_the_way(system)
        return seen == []

    try:
        eventually(flows, within_s=FLOWS_WITHIN_S, what="all flows again")
    except AssertionError as late:
        raise AssertionError(f"{late}: {', '.join(seen)}") from None


def _sent(folder: Path) -> Counter[str]:
    """Count the mails in the sink by their Message-ID."""
    found: Counter[str] = Counter()
    # Under a dot name a mail is still being written.
    for file in folder.glob("[!.]*.eml"):
        lines = file.read_bytes().replace(b"\r", b"").partition(b"\n\n")[0].split(b"\n")
        named = [line for line in lines if line.lower().startswith(b"message-id:")]
        found[named[0].split(b":", 1)[1].strip().decode()] += 1
    return found


def mail_problems(system: System, since: str) -> list[str]:
    """Name each order placed since then without exactly one confirmation that was sent once.

    Twice is right for one alone: the same mail, byte for byte, whose dot was not answered (RFC 1047). None is right
    where a newer mail about the order reached the same person first: what it says would not be true any more.
    """
    orders = {row[0] for row in sql(system, "orders", _ORDERS.format(since=since))}
    mails = [row for row in sql(system, "notify", _MAILS.format(since=since)) if row[0] in orders]
    each, kept = Counter(row[0] for row in mails), _sent(system.run_dir / "mail")
    problems = [f"order {order}: {each[order]} confirmations" for order in orders if each[order] != 1]
    for order, message_id, state, unanswered, is_overtaken in mails:
        times = kept[message_id] or kept[f"<{message_id}>"]
        if is_overtaken == "t" and times == 0:
            continue
        if state != "sent" or times < 1 or times > 1 + int(unanswered):
            problems.append(f"order {order}: its confirmation is {state}, came {times} times, {unanswered} unanswered")
    return problems


def holds(system: System, since: str) -> None:
    """Wait until every event is out and every order's mail has arrived; then stock, events and mails are right."""
    flows_again(system)
    eventually(
        lambda: mail_problems(system, since) == [],
        within_s=ARRIVED_WITHIN_S,
        what=f"one mail for each order, instead of {mail_problems(system, since)[:5]}",
    )
    assert sql(system, "orders", _STOCK) == []
    assert (
        sql(
            system,
            "orders",
            "SELECT store_id FROM orders WHERE state <> 'cancelled' GROUP BY store_id, cycle_id HAVING count(*) > 1",
        )
        == []
    )
