"""The manifests of k8s/, as kubectl builds them; there is no cluster here."""

import os
import re
import subprocess

import pytest

from tests.k8s.manifests import OVERLAYS, PROGRAMS

# It knows components, and patches that pick by label.
KUSTOMIZE = re.compile(r"^Kustomize Version: v[5-9]", re.MULTILINE)


@pytest.fixture(scope="session", autouse=True)
def kubectl() -> None:
    """A kubectl that is new enough; without one the tests are skipped, or fail where REQUIRE_DOCKER=1 says so."""
    environment = {**os.environ, "PATH": PROGRAMS}
    try:
        found = subprocess.run(
            ["kubectl", "version", "--client"], env=environment, check=False, capture_output=True, text=True
        ).stdout
    except OSError as error:
        found = str(error)
    if KUSTOMIZE.search(found):
        return
    problem = f"no kubectl with kustomize 5 (k8s/prepare gets one): {' '.join(found.split())}"
    if os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(problem)
    pytest.skip(problem)


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)
