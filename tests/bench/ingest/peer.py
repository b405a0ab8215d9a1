"""The peer: `pandas.read_csv` and `to_sql`, which check nothing and remember nothing."""

from pathlib import Path

from native import environments
from tests.bench.ingest.hall import PEERS, Hall, answer
from tests.bench.world import ROOT


def install() -> str:
    """Make the peer's environment; return why it can't be had, if so."""
    try:
        environments.ensure(PEERS)
    except environments.EnvironmentFailed as failure:
        return str(failure)
    return ""


def installed() -> bool:
    """Say whether the peer can run."""
    return (PEERS / ".venv" / "stamp").exists()


def store(hall: Hall, file: Path) -> float:
    """Let pandas read and store the file; return the seconds it took."""
    state = hall.world.state
    url = f"postgresql+psycopg2://usda_owner:{state.secret('usda_owner_db_password')}@127.0.0.1"
    address = f"{url}:{state.ports['postgres']}/usda"
    python = PEERS / ".venv" / "bin" / "python"
    environment = {**hall.environment, "PYTHONPATH": str(ROOT)}
    hall.rest()
    took = answer([python, "-m", "tests.bench.ingest.peers.pandas_to_sql", file, address], environment)
    hall.psql("DROP TABLE prices_by_pandas")
    return float(took["took_s"])
