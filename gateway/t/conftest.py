import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates import Certificate, make
from faulty import Service
from gateway import Gateway, free_port, settings

NAMES = ("orders", "usda", "notify", "realtime")
PROGRAMS = ("nginx", "/usr/sbin/nginx", "openresty", "/usr/local/openresty/bin/openresty")


def _programs() -> list[str]:
    """Return each kind of nginx that is here, once: everything is tested on all of them."""
    found = {Path(place).name: place for name in reversed(PROGRAMS) if (place := shutil.which(name))}
    return list(found.values()) or ["nginx"]


@pytest.fixture(scope="session", params=_programs(), ids=lambda place: Path(place).name)
def program(request: pytest.FixtureRequest) -> str:
    """The nginx under test (GATEWAY_NGINX)."""
    return str(request.param)


def _services() -> dict[str, Service]:
    return {name: Service(name, free_port()).start() for name in NAMES}


@pytest.fixture(scope="session")
def shared_folder() -> Iterator[Path]:
    """A folder that the workers' user can enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def _gateways(shared_folder: Path, program: str) -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(*, away: tuple[str, ...] = (), **more: str) -> Gateway:
        services = _services()
        for name in away:
            services[name].stop()
        folder = Path(tempfile.mkdtemp(dir=shared_folder))
        folder.chmod(0o755)
        gateway = Gateway(folder, services, settings(folder, services, **{"GATEWAY_NGINX": program, **more}))
        made.append(gateway)
        return gateway.start()

    try:
        yield make
    finally:
        for gateway in made:
            gateway.stop()
            for service in gateway.services.values():
                service.stop()


@pytest.fixture
def make_gateway(shared_folder: Path, program: str) -> Iterator[Callable[..., Gateway]]:
    """Make gateways with settings of their own; all are stopped afterwards. `away` names services not started."""
    with _gateways(shared_folder, program) as make:
        yield make


@pytest.fixture(scope="module")
def make_lasting_gateway(shared_folder: Path, program: str) -> Iterator[Callable[..., Gateway]]:
    """The same for gateways that all tests of a module share."""
    with _gateways(shared_folder, program) as make:
        yield make


@pytest.fixture(scope="session")
def certificate(shared_folder: Path) -> Certificate:
    return make(shared_folder, "shop")


@pytest.fixture(scope="session")
def common(shared_folder: Path, program: str) -> Iterator[Gateway]:
    """One gateway for all tests that leave it as it was."""
    services = _services()
    folder = Path(tempfile.mkdtemp(dir=shared_folder))
    folder.chmod(0o755)
    gateway = Gateway(folder, services, settings(folder, services, GATEWAY_NGINX=program)).start()
    yield gateway
    gateway.stop()
    for service in services.values():
        service.stop()


@pytest.fixture
def gateway(common: Gateway) -> Iterator[Gateway]:
    """The common gateway with every service up and nothing recorded."""
    for service in common.services.values():
        service.script.clear()
        service.seen.clear()
        service.strays.clear()
        service.ready, service.shown_name = True, None
        if service.frozen:
            service.stop()
        if not service.listens:
            service.start()
        common.wait_for(service.name, "up")
    yield common
    common.resume()
