"""How a deploy exchanges one process, and puts it back: one container, which is ready when its file says so."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.driver.polling import eventually
from tests.driver.system import ROOT

COMPOSE = ROOT / "compose"
IMAGE = "postgres:17-trixie"
WITHIN_S = 120
# The engine waits twice as long after each end, a tenth of a second first: by then for six seconds.
ENDED_TIMES = 6
# Stands for the database: whatever it is told to do first, it then lives on.
FILES = """
services:
  postgres:
    image: ${POSTGRES_IMAGE}
    init: true
    entrypoint: [sh, -c]
    command: ["${FIRST:-true} && touch /tmp/ready && exec sleep 600"]
    network_mode: none
    # Over the image's own volume, of which each container would leave one without a name behind.
    tmpfs: [/var/lib/postgresql/data]
    restart: unless-stopped
    healthcheck: {test: [CMD, test, -e, /tmp/ready], interval: 60s}
"""


@dataclass(frozen=True)
class Server:
    """A server whose database alone is there."""

    folder: Path
    environment: dict[str, str]

    def deploy(self, body: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run what compose/deploy is made of, with the files of this server."""
        deploy = (COMPOSE / "deploy").read_text().replace('\nmain "$@"; exit', "")
        script = f"{deploy}\nFILES=(--file {self.folder}/compose.yaml)\n{body}"
        return subprocess.run(
            ["bash", "-c", script, str(COMPOSE / "deploy")],
            env=self.environment | settings,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WITHIN_S,
        )

    def inspect(self, what: str) -> str:
        label = f"label=com.docker.compose.project={self.environment['COMPOSE_PROJECT_NAME']}"
        (container,) = docker("ps", "--all", "--quiet", "--filter", label).split()
        return docker("inspect", "--format", f"{{{{{what}}}}}", container)


def docker(*arguments: str, given: str = "") -> str:
    done = subprocess.run(["docker", *arguments], input=given, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def server(tmp_path: Path, engine: None) -> Iterator[Server]:
    """One whose database was deployed, and serves."""
    (tmp_path / "compose.yaml").write_text(FILES)
    tag = f"mercadito-test/exchange:{os.getpid()}"
    docker("tag", IMAGE, tag)
    made = Server(
        tmp_path,
        {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "COMPOSE_PROJECT_NAME": f"mercadito-exchange-{os.getpid()}",
            "MERCADITO_STATE_DIR": str(tmp_path / "state"),
            "MERCADITO_VERSION": "1",
            "POSTGRES_IMAGE": tag,
        },
    )
    (tmp_path / "state").mkdir()
    try:
        done = made.deploy("exchange_all postgres")
        assert done.returncode == 0, done.stdout
        yield made
    finally:
        made.deploy("compose down --timeout 0 --volumes")
        docker("rmi", "--force", tag)


def test_a_database_that_does_not_start_as_it_is_wanted_goes_back_to_what_it_was(server: Server) -> None:
    before = server.inspect(".Config.Cmd")
    done = server.deploy("exchange_all postgres", FIRST="false")
    assert done.returncode == 1
    assert "postgres is back" in done.stdout, done.stdout
    assert server.inspect(".Config.Cmd") == before
    assert server.inspect(".State.Restarting") == "false"
    # Who asks for what runs already does not have it started anew.
    assert "postgres: as it should be" in server.deploy("exchange_all postgres").stdout


def test_an_image_that_was_made_anew_under_the_same_name_gives_way_to_the_one_before(server: Server) -> None:
    tag, before = server.environment["POSTGRES_IMAGE"], server.inspect(".Image")
    broken = f"FROM {IMAGE}\nRUN rm -f /usr/bin/touch"
    docker("build", "--quiet", "--tag", tag, "-", given=broken)
    done = server.deploy("exchange_all postgres")
    assert "postgres is back" in done.stdout, done.stdout
    assert server.inspect(".Image") == before


def test_a_database_that_does_not_run_is_exchanged_before_a_backup_is_taken(server: Server) -> None:
    """As a definition left it that could not be put back; its setting is mended by now."""
    server.deploy("rm -r $MADE_FROM; exchange_all postgres", FIRST="false")
    # No backup's container is there: one would be run for it.
    stand_in = 'eval "real_$(declare -f compose)"; compose() { [ $1 = run ] && echo taken || real_compose "$@"; }'
    done = server.deploy(f"{stand_in}\ntake_backup")
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("taken\n")
    assert "it comes first" in done.stdout, done.stdout
    assert server.inspect(".State.Restarting") == "false"


def test_what_ends_again_and_again_is_not_as_it_should_be(server: Server) -> None:
    server.deploy("rm -r $MADE_FROM; exchange_all postgres", FIRST="false")
    eventually(
        lambda: server.inspect(".State.Restarting") == "true" and int(server.inspect(".RestartCount")) >= ENDED_TIMES,
        within_s=WITHIN_S,
        what="the engine's pause between two starts of a database that ends",
    )
    said = server.deploy("runs_wanted_image postgres $(container_of postgres) && echo runs || echo not")
    assert said.stdout == "not\n"
