"""What a crawl is asked to do; it travels on the command line of the crawl's process."""

import argparse
from dataclasses import dataclass
from datetime import date

from usda_ingest.sources.window import Window


class PlanError(ValueError):
    """The arguments make no plan; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which sources, and for which days.

    Attributes:
        sources: names of configured sources; empty for all.
        window: the days asked for; None for the usual visit of what is newest.
        again: ask for the bytes also of what is stored.

    """

    sources: tuple[str, ...] = ()
    window: Window | None = None
    again: bool = False

    def arguments(self) -> list[str]:
        """Return the plan as arguments that ``add_plan_arguments`` reads."""
        given = ["--sources", ",".join(self.sources)] if self.sources else []
        if self.window is not None:
            given += ["--from", self.window.first_on.isoformat(), "--to", self.window.last_on.isoformat()]
        return [*given, "--again"] if self.again else given


def add_plan_arguments(parser: argparse.ArgumentParser, *, days_required: bool) -> None:
    """Let a command be told which sources and days."""
    parser.add_argument("--sources", type=_names, default=(), help="names with commas between; all when not given")
    parser.add_argument("--from", dest="first_on", type=_day, required=days_required, help="first day, YYYY-MM-DD")
    parser.add_argument("--to", dest="last_on", type=_day, required=days_required, help="last day, YYYY-MM-DD")
    parser.add_argument("--again", action="store_true", help="also what is stored already")


def plan_of(options: argparse.Namespace) -> Plan:
    """Return the plan that the arguments ask for.

    Raises:
        PlanError: one of the days is missing, or they are the wrong way round.

    """
    first_on, last_on = options.first_on, options.last_on
    if (first_on is None) != (last_on is None):
        raise PlanError("--from and --to belong together")
    try:
        window = Window(first_on, last_on) if first_on is not None else None
    except ValueError as problem:
        raise PlanError(str(problem)) from None
    return Plan(options.sources, window, options.again)


def _names(given: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given!r} is no day; write it as YYYY-MM-DD") from None
