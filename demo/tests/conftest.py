"""Fixtures: a site on a free port, over a folder of the test's own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from mercadito_demo.catalogue import Folder
from mercadito_demo.serving import BoundedServer
from mercadito_demo.site import Site

SiteAt = Callable[[Folder], AbstractContextManager[str]]
Served = Callable[[BoundedServer], AbstractContextManager[str]]


@contextmanager
def _served(made: BoundedServer) -> Iterator[str]:
    with made as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def served() -> Served:
    """Serve with a server that listens; the address is what one gets."""
    return _served


@pytest.fixture
def site_at() -> SiteAt:
    return lambda folder: _served(Site(("127.0.0.1", 0), folder))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder as someone may give it: names with spaces, a packed file, one below, and what is no business of ours."""
    folder = tmp_path / "files"
    (folder / "2021 week").mkdir(parents=True)
    (folder / "los angeles.csv").write_text("a,b\n1,2\n")
    (folder / "100%.csv").write_text("a\n1\n")
    (folder / "mars.csv.gz").write_bytes(b"\x1f\x8b packed")
    (folder / "2021 week" / "daily.csv").write_text("c\n3\n")
    (folder / "notes.txt").write_text("no")
    (tmp_path / "secret.csv").write_text("secret")
    (folder / "outside.csv").symlink_to(tmp_path / "secret.csv")
    return folder
