"""What `make test` runs: checks that pass or fail as one, and pytest suites in each project's own environment."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("services/orders", "services/realtime", "services/usda-ingest", "services/notify")
TOOLS = ROOT / "tests" / ".venv" / "bin"


@dataclass(frozen=True)
class Check:
    """A command that passes or fails as one."""

    name: str
    group: str
    command: tuple[str, ...]
    folder: Path = ROOT


@dataclass(frozen=True)
class Suite:
    """A pytest suite.

    `before`: what prepares the machine for it, where REQUIRE_DOCKER=1 says that it must run. `apart`: on a network of
    its own (tests/apart.py), which the containers of others do not disturb.
    """

    name: str
    project: str
    paths: tuple[str, ...] = ("tests",)
    options: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    apart: bool = False

    @property
    def folder(self) -> Path:
        """Where it runs, and what its paths are relative to."""
        return ROOT if self.project == "tests" else ROOT / self.project

    @property
    def command(self) -> list[str]:
        """pytest of the environment in which the suite runs, for its folder."""
        python = str(ROOT / self.project / ".venv" / "bin" / "python")
        around = [python, "-m", "tests.apart"] if self.apart else []
        return [*around, python, "-m", "pytest", *self.options, *self.paths]


def _types(project: str, *paths: str) -> Check:
    python = f"--python-executable={ROOT / project / '.venv' / 'bin' / 'python'}"
    settings = f"--config-file={ROOT / 'pyproject.toml'}"
    command = (str(TOOLS / "mypy"), settings, python, *paths)
    return Check(f"types: {project}", "types", command, ROOT / project)


def checks() -> list[Check]:
    """Return lint, type and import-direction checks."""
    ruff = str(TOOLS / "ruff")
    imports = (f"PYTHONPATH={ROOT / 'events' / 'src'}:src", str(TOOLS / "lint-imports"))
    return [
        Check("lint", "lint", (ruff, "check", "--quiet", ".")),
        Check("format", "lint", (ruff, "format", "--check", "--quiet", ".")),
        Check("types: native", "types", (str(TOOLS / "mypy"), "native", "tests", "compose/dev")),
        *(_types(project, "src") for project in ("events", "demo", "backup", *SERVICES)),
        *(Check(f"imports: {project}", "imports", ("env", *imports), ROOT / project) for project in SERVICES),
    ]


def suites() -> list[Suite]:
    """Return the pytest suites, those that take longest first: what runs beside each other then ends together.

    notify's waits more than it works, so it comes beside those that need the processor.
    """
    return [
        Suite("containers", "tests", ("tests/containers",), before=("compose/engine/prepare",)),
        Suite("services/orders", "services/orders"),
        Suite("services/notify", "services/notify"),
        Suite("browser", "tests", ("tests/browser",), apart=True),
        Suite("services/usda-ingest", "services/usda-ingest"),
        # Their containers have no network of their own, so they run beside anything; later than the containers, because
        # they would only wait for the same engine.
        Suite("server", "tests", ("tests/server",), before=("compose/engine/prepare",)),
        Suite("migrations", "tests", ("tests/migrations",)),
        Suite("gateway", "gateway", ("t",)),
        Suite("system", "tests", ("tests/native", "tests/contract", "tests/house", "tests/bench")),
        # Not beside the servers that are made from zero: whoever waits for a restart there counts seconds.
        Suite("end-to-end", "tests", ("tests/e2e",)),
        Suite("services/realtime", "services/realtime"),
        Suite("events", "events"),
        Suite("compose", "tests", ("tests/compose",), before=("compose/engine/prepare",)),
        Suite("observability", "tests", ("tests/observability",)),
        Suite("k8s", "tests", ("tests/k8s",), before=("k8s/prepare",)),
        Suite("demo", "demo"),
        Suite("backup", "backup"),
    ]
