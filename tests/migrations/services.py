"""The services that have a database, and what their migrations are."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from native.state import ROOT

COMMAND_WITHIN_S = 120
# What needs a service's own Alembic and tables runs in that service's environment.
IN_SERVICE = Path(__file__).resolve().parent / "in_service"


@dataclass(frozen=True)
class Service:
    """A service; `name` is also its database and its role, `script` its command."""

    name: str
    project: str
    script: str

    @property
    def migrations(self) -> Path:
        """The folder of its migrations."""
        return ROOT / self.project / "migrations"

    @property
    def steps(self) -> list[Path]:
        """Its steps in order."""
        return sorted((self.migrations / "versions").glob("[0-9]*.py"))

    @property
    def head(self) -> str:
        """The newest revision."""
        return revision(self.steps[-1])

    def command(self, root: Path = ROOT) -> Path:
        """Return the path of its command, in this checkout or in another."""
        return root / self.project / ".venv" / "bin" / self.script

    def ask(self, program: str, *, migrations: Path | None = None) -> str:
        """Run one of the programs in `in_service` on its migrations, or on others; return what it prints."""
        python = ROOT / self.project / ".venv" / "bin" / "python"
        done = subprocess.run(
            [python, IN_SERVICE / f"{program}.py", migrations or self.migrations],
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


def revision(step: Path) -> str:
    """Return the revision that a step brings, which begins its file's name."""
    return step.name.split("_", 1)[0]


SERVICES = (
    Service("orders", "services/orders", "orders"),
    Service("usda", "services/usda-ingest", "usda-ingest"),
    Service("notify", "services/notify", "notify"),
)
