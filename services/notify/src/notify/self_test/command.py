"""``notify self-test``: all checks in order, a line for each as it comes out; exit code 1 when one found a problem."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mercadito_events.service.settings import SettingsError

from notify.self_test import domain, queue, relays, trial
from notify.self_test.dns import Dns
from notify.self_test.domain import Identity
from notify.self_test.finding import Finding, Mark, ok, problem, warning
from notify.self_test.relays import Seen
from notify.sending.post import Post
from notify.sending.relay import Relay, Timeouts
from notify.settings import Settings

# A person waits in front of it: shorter than the sender's own patience, the wait for the dot excepted.
WAIT_S: Final = 15.0
DOT_WAITS: Final = 4


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    to: str = ""
    """Where one real mail goes; empty: none is sent."""
    resolver: tuple[str, int] | None = None
    wait_s: float = WAIT_S
    as_json: bool = False


def run(env: Mapping[str, str], options: Options) -> int:
    """Check, tell, return the exit code."""
    findings = asyncio.run(_told(env, options))
    has_problem = any(each.mark is Mark.PROBLEM for each in findings)
    if options.as_json:
        checks = [{"check": each.check, "result": each.mark, "says": each.says, "todo": each.todo} for each in findings]
        _print(json.dumps({"ok": not has_problem, "checks": checks}, ensure_ascii=False, indent=2))
    return int(has_problem)


async def _told(env: Mapping[str, str], options: Options) -> list[Finding]:
    findings = []
    async for finding in _all(env, options):
        findings.append(finding)
        if not options.as_json:
            _print(finding.line)
    return findings


async def _all(env: Mapping[str, str], options: Options) -> AsyncIterator[Finding]:
    try:
        settings = Settings.from_env(env)
    except SettingsError as error:
        for words in error.problems:
            yield problem("settings", words, "see the settings in services/notify/README.md")
        return
    post = settings.post
    yield _mode(post)
    _progress("the database")
    for finding in await asyncio.to_thread(queue.look, settings.database):
        yield finding
    seen = [Seen(_patient(relay, options.wait_s)) for relay in post.relays]
    for each in seen:
        _progress(f"relay {each.relay.name}, {each.relay.host}:{each.relay.port}")
        async for finding in relays.look(each, trial.returns_to(post)):
            yield finding
    _progress("the DNS")
    for finding in await domain.look(Dns(options.resolver, wait_s=options.wait_s), _identity(post), seen):
        yield finding
    if options.to:
        _progress("a test mail")
        yield await trial.send(post, options.to, seen)


def _mode(post: Post) -> Finding:
    if post.only_to is None:
        return ok("settings", "can be read, mails are sent to all")
    except_to = f" but to {len(post.only_to)} addresses" if post.only_to else ""
    return warning("settings", f"MAIL_MODE=hold: nothing leaves{except_to}", "MAIL_MODE=send lets mails out")


def _identity(post: Post) -> Identity:
    return Identity(
        sender=post.sender.address.domain.lower(),
        returns=trial.returns_to(post).rpartition("@")[2].lower(),
        greets_as=post.relays[0].greet_as,
        dkim=post.dkim,
        takes_bounces=post.return_path is not None,
    )


def _patient(relay: Relay, wait_s: float) -> Relay:
    waits = Timeouts(
        connect_s=min(wait_s, relay.timeouts.connect_s),
        greeting_s=wait_s,
        reply_s=wait_s,
        tls_s=wait_s,
        body_s=wait_s,
        dot_s=DOT_WAITS * wait_s,
        overall_s=relay.timeouts.overall_s,
    )
    return replace(relay, timeouts=waits)


def _progress(what: str) -> None:
    # Beside the answers: whoever reads those by program is not disturbed.
    print(f"… {what}", file=sys.stderr, flush=True)  # noqa: T201 - for the person at the terminal


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - for the person at the terminal
