"""What is in an image: every path, every installed package, read from its files; nothing in it is run."""

import contextlib
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import HeaderParser
from typing import IO

DPKG = "var/lib/dpkg/status"
APK = "lib/apk/db/installed"
METADATA = re.compile(r"\.dist-info/METADATA$")
# Keys are small; what is larger is not looked into.
LARGEST_KEY = 16_384
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")
# A library's code names the words of a key; only what can hold one is looked into.
CODE = re.compile(r"\.(py|pyc|so|lua|js|html|css|md|txt|pm|pl|h|c)$")
FOUND_WITHIN_S = 60


@dataclass(frozen=True, order=True)
class Package:
    """An installed package; `kind` is deb, apk or pypi."""

    kind: str
    name: str
    version: str
    architecture: str = ""
    license: str = ""


@dataclass
class Inventory:
    """One image's files, of which only names are kept, and its packages."""

    image: str
    paths: list[str] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    private_keys: list[str] = field(default_factory=list)
    distribution: str = ""

    def of(self, kind: str) -> list[Package]:
        """Return the packages of one kind, in order."""
        return sorted(package for package in self.packages if package.kind == kind)


def read(image: str) -> Inventory:
    """Read an image through."""
    found = Inventory(image)
    with _exported(image) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            found.paths.append("/" + member.name)
            if member.isfile():
                _take(found, member, archive)
    return found


def _take(found: Inventory, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
    name = member.name
    may_be_key = member.size <= LARGEST_KEY and not CODE.search(name)
    wanted = name in {DPKG, APK, "etc/os-release", "usr/lib/os-release"} or METADATA.search(name)
    content = archive.extractfile(member) if wanted or may_be_key else None
    if content is None:
        return
    body = content.read()
    if PRIVATE_KEY.search(body):
        found.private_keys.append("/" + name)
    if name == DPKG:
        found.packages += _debian(body.decode())
    elif name == APK:
        found.packages += _alpine(body.decode())
    elif METADATA.search(name):
        found.packages.append(_python(body.decode()))
    elif name.endswith("os-release"):
        named = re.search(r"^ID=\"?([a-z]+)", body.decode(), re.MULTILINE)
        found.distribution = named[1] if named else ""


@contextlib.contextmanager
def _exported(image: str) -> Iterator[IO[bytes]]:
    """Lend the image's files as one archive; the container that it takes is never started."""
    created = subprocess.run(
        ["docker", "create", "--network", "none", image, "nothing"], check=True, capture_output=True, text=True
    )
    container = created.stdout.strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as exporting:
            assert exporting.stdout is not None
            yield exporting.stdout
            exporting.stdout.read()
            if exporting.wait(FOUND_WITHIN_S):
                raise RuntimeError(f"docker export of {image} ended with {exporting.returncode}")
    finally:
        subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True)


def _debian(status: str) -> Iterator[Package]:
    for entry in status.strip().split("\n\n"):
        head = HeaderParser().parsestr(entry)
        if (head["Status"] or "").endswith(" installed"):
            yield Package("deb", head["Package"], head["Version"], head["Architecture"])


def _alpine(installed: str) -> Iterator[Package]:
    for entry in installed.strip().split("\n\n"):
        lines = dict(line.split(":", 1) for line in entry.splitlines() if line[1:2] == ":")
        yield Package("apk", lines["P"], lines["V"], lines.get("A", ""), lines.get("L", ""))


def _python(metadata: str) -> Package:
    head = HeaderParser().parsestr(metadata)
    # Older packages put the whole text of a licence there.
    told = head["License-Expression"] or (head["License"] or "").splitlines()[:1]
    return Package(
        "pypi", _plain(head["Name"]), head["Version"], license=told if isinstance(told, str) else "".join(told)
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
