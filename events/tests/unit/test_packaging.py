import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCKED = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("sqlalchemy", "psycopg2", "alembic"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, Refuse())
import mercadito_events.cli, mercadito_events.connection, mercadito_events.envelope, mercadito_events.provisioner
import mercadito_events.service.health, mercadito_events.service.identity, mercadito_events.service.logs
import mercadito_events.service.settings, mercadito_events.tail, mercadito_events.testing, mercadito_events.topology
from mercadito_events.service.settings import Reader, nats
env = {"MERCADITO_ENV": "test", "NATS_URL": "nats://a:1", "NATS_USER": "u", "NATS_PASSWORD": "p"}
assert nats(Reader(env)).user == "u"
"""


def test_a_service_without_a_database_needs_no_database_libraries() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wheel_brings_streams_and_users_along(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in ("streams.yaml", "accounts.conf"):
            content = archive.read(f"mercadito_events/shipped/{name}")
            assert content == (ROOT / "src/mercadito_events/shipped" / name).read_bytes()
        assert "mercadito_events/py.typed" in archive.namelist()
