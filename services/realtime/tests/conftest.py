"""The kit's nats-server, a key of our own, and time that stands still."""

import pytest
from stand_ins import Clock, Issuer

pytest_plugins = ["mercadito_events.testing"]


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def clock() -> Clock:
    return Clock()
