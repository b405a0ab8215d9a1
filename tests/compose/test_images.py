"""The Dockerfiles as texts: alike where they should be, pinned where an operator wants it, told what compose says."""

import re
from pathlib import Path

import pytest
import yaml

from tests.suites import ROOT

PYTHON = ("services/orders", "services/realtime", "services/usda-ingest", "services/notify", "demo")
OTHERS = ("gateway", "backup", "compose/nats")
FILES = [ROOT / folder / "Dockerfile" for folder in (*PYTHON, *OTHERS)]
# What one service needs and another does not; everything else is the same in all of them.
OWN = re.compile(
    r"^(LABEL org\.opencontainers\.image\.title=.*|      org\.opencontainers\.image\.description=.*"
    r"|COPY events \./events|COPY services/\S+/migrations /srv/migrations|CMD .*|ENV (?:MIGRATIONS_DIR|PATH)=.*"
    r"|    && install -d .*)\n",
    re.MULTILINE,
)


def shared(folder: str) -> str:
    """Return a Dockerfile without what is its service's own."""
    text = OWN.sub("", (ROOT / folder / "Dockerfile").read_text()).replace(f"./events ./{folder}", "FOLDERS")
    text = text.replace(f"./{folder}", "FOLDERS").replace(folder, "FOLDER")
    return re.sub(r"nologin mercadito \\$", "nologin mercadito", text, flags=re.MULTILINE)


@pytest.mark.parametrize("folder", PYTHON[1:])
def test_images_of_python_are_alike(folder: str) -> None:
    first = shared(PYTHON[0])
    assert first.count("\n") > 30
    assert shared(folder) == first


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_base_is_a_tag_that_a_digest_may_follow(file: Path) -> None:
    text = file.read_text()
    bases = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) - set(re.findall(r" AS (\S+)$", text, re.MULTILINE))
    assert len(bases) == 1
    found = re.fullmatch(r"\$\{([A-Z]+_IMAGE)\}", bases.pop())
    assert found
    assert re.findall(rf"^ARG {found[1]}=[a-z/]+:\d\S+$", text, re.MULTILINE)


def test_compose_and_the_engine_name_the_bases_of_the_dockerfiles() -> None:
    built = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())["x-built"]
    asked = {name: value for name, value in built.items() if name.endswith("_IMAGE")}
    written = re.findall(r"^ARG ([A-Z]+_IMAGE)=(\S+)$", "".join(each.read_text() for each in FILES), re.MULTILINE)
    assert asked == {name: f"${{{name}:-{image}}}" for name, image in written}
    images = (ROOT / "compose" / "engine" / "images").read_text()
    assert [image for image in asked.values() if f'"{image}"' not in images] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_changes_with_every_commit_comes_last(file: Path) -> None:
    steps = re.findall(r"^([A-Z]+) ", file.read_text(), re.MULTILINE)
    last = file.read_text().rsplit("ARG VERSION", 1)[1]
    assert steps[-4:] == ["ARG", "ARG", "ARG", "LABEL"]
    assert "RUN" not in last
    assert re.findall(r"org\.opencontainers\.image\.([a-z]+)=", last) == [
        *("title", "description", "version", "revision", "source")
    ]


def test_every_image_is_built_with_them() -> None:
    for name in ("compose.yaml", "compose.demo.yaml"):
        services = yaml.safe_load((ROOT / "compose" / name).read_text())["services"]
        builds = {service: each["build"] for service, each in services.items() if "build" in each}
        assert builds
        assert {service for service, build in builds.items() if "REVISION" not in build["args"]} == set()


def test_who_installs_what_speaks_https_installs_authorities_too() -> None:
    """A base may be without them, as PostgreSQL's is, which takes them out again; a stand-in of it hides that."""
    installs = re.compile(r"apt-get install (.*?) >/dev/null")
    installed = {file: set(" ".join(installs.findall(file.read_text())).split()) for file in FILES}
    speaking = [packages for packages in installed.values() if packages & {"curl", "git", "rclone", "wget"}]
    assert speaking
    assert [packages for packages in speaking if "ca-certificates" not in packages] == []
