"""Where ingest is measured: PostgreSQL as `make run` sets it up with the database `usda`, and the USDA's real files."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from native import settings
from native.programs import console_script
from tests.bench.world import ROOT, BenchFailed, World, world

FILES = ROOT.parent / "shared" / "data" / "usda"
SERVICE = ROOT / "services" / "usda-ingest"
PEERS = Path(__file__).parent / "peers"
_MIGRATED_WITHIN_S = 60
_ACTED_WITHIN_S = 900


@dataclass
class Hall:
    """The place; what is measured is started from it and ends with it."""

    world: World
    files: Path = FILES

    @property
    def folder(self) -> Path:
        """Room for files, gone afterwards."""
        return self.world.state.folder

    @property
    def environment(self) -> Mapping[str, str]:
        """What `usda-ingest` is told here, as in `make run`."""
        return settings.full_environment({**settings.usda(self.world.state), "PYTHONPATH": str(ROOT)})

    @property
    def owner_environment(self) -> Mapping[str, str]:
        """What only `migrate` is told, and whoever makes a table of their own."""
        return settings.full_environment(settings.migration(self.world.state, "usda"))

    def act(self, module: str, *arguments: str | Path) -> dict[str, Any]:
        """Run a module of `actors/` in usda-ingest's environment to its end; return the last line it writes."""
        python = SERVICE / ".venv" / "bin" / "python"
        return answer([python, "-m", f"tests.bench.ingest.actors.{module}", *arguments], self.environment)

    def psql(self, statement: str) -> list[list[str]]:
        """Run a statement as the superuser; return rows of texts."""
        return self.world.psql(statement, "usda")

    def empty(self) -> None:
        """Empty every table, and let the server rest from what was before."""
        names = "SELECT string_agg(tablename, ', ') FROM pg_tables WHERE schemaname = 'public'"
        ((tables,),) = self.psql(f"{names} AND tablename <> 'alembic_version'")
        self.psql(f"TRUNCATE {tables} RESTART IDENTITY")
        self.rest()

    def rest(self) -> None:
        """Do now what autovacuum and the checkpointer would do in the midst of a measurement."""
        self.psql("VACUUM (ANALYZE)")
        self.psql("CHECKPOINT")


def answer(command: list[str | Path], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a command to its end; return the JSON object in the last line it writes."""
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "TERM", *map(str, command)],
            env=dict(environment),
            check=False,
            text=True,
            capture_output=True,
            timeout=_ACTED_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"not within {_ACTED_WITHIN_S} s: {' '.join(map(str, command))}") from None
    if done.returncode:
        raise BenchFailed(f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextlib.contextmanager
def hall() -> Iterator[Hall]:
    """Lend the place, with this version's schema and no data."""
    if not FILES.is_dir():
        raise BenchFailed(f"the USDA's files are missing: {FILES}")
    with world(_start) as made:
        yield Hall(made)


def _start(made: World) -> None:
    made.start_postgres()
    done = subprocess.run(
        [console_script("services/usda-ingest", "usda-ingest"), "migrate"],
        env=settings.full_environment(settings.migration(made.state, "usda")),
        check=False,
        text=True,
        capture_output=True,
        timeout=_MIGRATED_WITHIN_S,
    )
    if done.returncode:
        raise BenchFailed(f"usda-ingest migrate failed:\n{(done.stdout + done.stderr)[-3000:]}")
