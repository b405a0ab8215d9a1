"""A real Prometheus that reads a running system as the one of the containers does, only oftener."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.driver.polling import eventually
from tests.driver.ports import free_port
from tests.observability.promql import PROMETHEUS, RULES

SCRAPE_EVERY_S = 1
READY_WITHIN_S = 30
STOPPED_WITHIN_S = 20


class Prometheus:
    """One that runs, asked over its API."""

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, verify=False)

    def is_ready(self) -> bool:
        """Say whether it answers."""
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer that must be one."""
        answer = self._http.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, f"{parameters}: {answer.text}"
        return answer.json()["data"]

    def values(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Return what a query has to say now."""
        return [(each["metric"], float(each["value"][1])) for each in self.get("query", query=query)["result"]]

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def _configuration(targets: Mapping[str, list[str]]) -> str:
    """Return the configuration of the containers with other targets; jobs without one are left out."""
    settings = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    settings["global"] = {"scrape_interval": f"{SCRAPE_EVERY_S}s", "evaluation_interval": f"{SCRAPE_EVERY_S}s"}
    settings["rule_files"] = [str(RULES)]
    del settings["alerting"]
    jobs = {job["job_name"]: job for job in settings["scrape_configs"]}
    assert targets.keys() <= jobs.keys()
    settings["scrape_configs"] = [
        {**jobs[name], "static_configs": [{"targets": addresses}]} for name, addresses in targets.items()
    ]
    return yaml.safe_dump(settings)


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, list[str]]) -> Iterator[Prometheus]:
    """Run one that scrapes these addresses, by job."""
    port = free_port()
    (folder / "prometheus.yml").write_text(_configuration(targets))
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    asked = Prometheus(port)
    try:
        eventually(asked.is_ready, within_s=READY_WITHIN_S, what=f"Prometheus; see {folder}/prometheus.log")
        yield asked
    finally:
        asked.close()
        process.terminate()
        process.wait(timeout=STOPPED_WITHIN_S)
