"""An image's software bill of materials: CycloneDX 1.6 by the library of its makers, checked against their schema."""

import json
import re
import subprocess
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from native.state import ROOT
from tests.sbom.inventory import Inventory, Package

VERSION = SchemaVersion.V1_6
# Where an image's pins are; an image that is not here has no Python of ours from outside.
PINS = {
    "orders": "services/orders",
    "realtime": "services/realtime",
    "usda-ingest": "services/usda-ingest",
    "notify": "services/notify",
    "demo": "demo",
}
ALLOWED = "mercadito:requirements:sha256"
ASKED_WITHIN_S = 30


class NotValid(Exception):
    """The bill does not fit CycloneDX's schema; the message says where."""


def pins(name: str) -> dict[tuple[str, str], list[str]]:
    """Return what an image's requirements allow: name and version to the hashes of the files that may be installed."""
    if name not in PINS:
        return {}
    text = (ROOT / PINS[name] / "requirements.txt").read_text()
    found: dict[tuple[str, str], list[str]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", text, flags=re.IGNORECASE):
        if pinned := re.match(r"([A-Za-z0-9._-]+)==([^ ;\\\n]+)", entry):
            found[re.sub(r"[-_.]+", "-", pinned[1]).lower(), pinned[2]] = re.findall(
                r"--hash=sha256:([0-9a-f]{64})", entry
            )
    return found


def bill(inventory: Inventory) -> str:
    """Return the bill as JSON; the same image gives the same but for its serial number and time."""
    repository, _, tag = inventory.image.rpartition(":")
    name = repository.rsplit("/", 1)[-1]
    hashes = pins(name)
    made = Bom()
    made.metadata.component = Component(
        type=ComponentType.CONTAINER,
        name=repository,
        version=tag,
        bom_ref="image",
        properties=[Property(name="mercadito:image:id", value=_image_id(inventory.image))],
    )
    for package in inventory.packages:
        made.components.add(
            _component(package, inventory.distribution, hashes.get((package.name, package.version), []))
        )
    made.register_dependency(made.metadata.component, made.components)
    text = make_outputter(made, OutputFormat.JSON, VERSION).output_as_string(indent=1)
    check(text)
    return text


def check(text: str) -> None:
    """Refuse what is not CycloneDX.

    Raises:
        NotValid: it does not fit the schema.

    """
    problem = JsonStrictValidator(VERSION).validate_str(text)
    if problem is not None:
        raise NotValid(str(problem))


def _component(package: Package, distribution: str, hashes: list[str]) -> Component:
    qualifiers = {"arch": package.architecture} if package.architecture else {}
    namespace = None if package.kind == "pypi" else distribution or None
    link = PackageURL(package.kind, namespace, package.name, package.version, qualifiers)
    licenses = [LicenseFactory().make_from_string(package.license)] if package.license else []
    # Which of the files that the requirements allow was taken depends on the builder's machine: all of them are named,
    # as properties, since a component's own hashes would all have to be true.
    allowed = [Property(name=ALLOWED, value=digest) for digest in hashes]
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=str(link),
        purl=link,
        licenses=licenses,
        properties=allowed,
    )


def _image_id(image: str) -> str:
    asked = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    return subprocess.run(asked, check=True, capture_output=True, text=True, timeout=ASKED_WITHIN_S).stdout.strip()


def write(inventory: Inventory, folder: Path) -> Path:
    """Write the bill beside those of the other images; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{inventory.image.rsplit('/', 1)[-1].replace(':', '-')}.cdx.json"
    text = bill(inventory)
    file.write_text(json.dumps(json.loads(text), indent=1) + "\n")
    return file
