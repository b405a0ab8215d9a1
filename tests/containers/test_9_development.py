"""`make dev`: a change of the sources is served, mails have a page, and nothing more is reached from other machines.

Last of all: the stack of the tests before becomes one for developers.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.containers.conftest import STARTED_WITHIN_S, STOPPED_WITHIN_S, compose
from tests.containers.test_2_containers import the_shop_serves
from tests.driver.polling import eventually
from tests.driver.ports import free_port
from tests.driver.system import ROOT, System
from tests.faults.containers import container, docker, is_well

SERVED_WITHIN_S = 60
VERSION = {
    "orders-web": ("services/orders/src/orders/__init__.py", '"0.1.0"'),
    "orders-worker": ("services/orders/src/orders/__init__.py", '"0.1.0"'),
    "realtime": ("services/realtime/src/realtime/__init__.py", 'version("mercadito-realtime")'),
    "usda": ("services/usda-ingest/src/usda_ingest/__init__.py", '"0.1.0"'),
    "notify": ("services/notify/src/notify/__init__.py", '"0.1.0"'),
}


@dataclass(frozen=True)
class Workplace:
    """A checkout whose sources the containers run, and the ports for whoever works there."""

    folder: Path
    database_port: int
    mail_port: int

    def changes(self, file: str, old: str, new: str) -> None:
        """Change a source as an editor does."""
        path = self.folder / file
        text = path.read_text()
        assert old in text or new in text
        path.write_text(text.replace(old, new))


def copied_to(folder: Path) -> Path:
    """Copy what is in this checkout: other suites read it meanwhile."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def market_day(system: System) -> str:
    """The one that was open before."""
    return the_shop_serves(system)


@pytest.fixture(scope="module")
def workplace(system: System, market_day: str, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    compose("down", system=system, within_s=STOPPED_WITHIN_S)
    place = Workplace(copied_to(tmp_path_factory.mktemp("checkout")), free_port(), free_port())
    ports = {"MERCADITO_DATABASE_PORT": str(place.database_port), "MERCADITO_MAIL_PORT": str(place.mail_port)}
    started = subprocess.run(
        [str(place.folder / "compose" / "up"), "dev"],
        env=system.environment | ports,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STARTED_WITHIN_S,
    )
    assert started.returncode == 0, started.stdout[-6000:]
    assert f"http://localhost:{place.mail_port}" in started.stdout
    return place


def test_data_survive_down_and_up(system: System, market_day: str, workplace: Workplace) -> None:
    assert the_shop_serves(system) == market_day


def said_by(system: System, name: str) -> str:
    return docker("logs", "--tail", "100", container(system, name))


@pytest.mark.parametrize("name", VERSION)
def test_a_service_runs_its_source_as_it_was_changed(system: System, workplace: Workplace, name: str) -> None:
    file, old = VERSION[name]
    workplace.changes(file, old, '"0.1.0-mine"')
    eventually(
        lambda: '"version": "0.1.0-mine"' in said_by(system, name) or '"version":"0.1.0-mine"' in said_by(system, name),
        within_s=SERVED_WITHIN_S,
        what=f"{name} says its new version",
    )
    eventually(lambda: is_well(system, name), within_s=SERVED_WITHIN_S, what=f"{name} well")


def test_a_changed_page_is_served_and_nobody_sees_an_error_meanwhile(system: System, workplace: Workplace) -> None:
    workplace.changes("services/orders/src/orders/templates/pages/sign_in.html", "<h1>", '<h1 class="mine">')

    def page() -> str:
        answer = httpx.get(f"{system.url}/sign-in", timeout=40)
        assert answer.status_code == 200
        return answer.text

    eventually(lambda: '<h1 class="mine">' in page(), within_s=SERVED_WITHIN_S, what="the changed page")


def test_wrong_code_waits_for_the_next_change(system: System, workplace: Workplace) -> None:
    file = "services/notify/src/notify/__init__.py"
    workplace.changes(file, "__version__ =", "__version__ +=")
    eventually(
        lambda: "waiting for a change" in said_by(system, "notify"), within_s=SERVED_WITHIN_S, what="notify waits"
    )
    workplace.changes(file, "__version__ +=", "__version__ =")
    eventually(lambda: is_well(system, "notify"), within_s=SERVED_WITHIN_S, what="notify well")


def test_mails_are_read_at_a_page(system: System, workplace: Workplace) -> None:
    page = httpx.get(f"http://127.0.0.1:{workplace.mail_port}/", timeout=10).text
    (first, *_) = re.findall(r'href="(/mails/[\w.-]+)"', page)
    assert "mercadito.example" in httpx.get(f"http://127.0.0.1:{workplace.mail_port}{first}", timeout=10).text


def test_the_database_and_the_mails_are_reached_from_this_machine_alone(system: System, workplace: Workplace) -> None:
    for name, inside, outside in (
        ("postgres", "5432/tcp", workplace.database_port),
        ("mail-page", "8000/tcp", workplace.mail_port),
    ):
        assert docker("port", container(system, name), inside).split() == [f"127.0.0.1:{outside}"]
    password = (system.run_dir / "secrets" / "orders_db_password").read_text().strip()
    address = f"postgresql://orders:{password}@127.0.0.1:{workplace.database_port}/orders"
    asked = ["psql", "-XqAt", "--dbname", address, "--command", "SELECT count(*) > 0 FROM offers"]
    assert subprocess.run(asked, check=True, capture_output=True, text=True, timeout=30).stdout.strip() == "t"
