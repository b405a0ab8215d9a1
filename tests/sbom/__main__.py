"""Write a bill of materials for each image: python3 -m tests.sbom [FOLDER]; the images must have been built."""

import os
import subprocess
import sys
from pathlib import Path

from native.state import ROOT
from tests.sbom.bill import write
from tests.sbom.inventory import read

IMAGES = ("orders", "realtime", "usda-ingest", "notify", "gateway", "nats", "backup", "demo")


def main() -> int:
    """Write them; say where."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".sbom"
    version = os.environ.get("MERCADITO_VERSION") or "0.1.0"
    for name in IMAGES:
        image = f"mercadito/{name}:{version}"
        try:
            inventory = read(image)
        except subprocess.CalledProcessError as problem:
            print(f"{image}: {problem.stderr.strip()} (make up builds it)", file=sys.stderr)
            return 1
        except OSError as problem:
            print(f"docker does not start: {problem.strerror}", file=sys.stderr)
            return 1
        kinds = ", ".join(f"{len(found)} {kind}" for kind in ("pypi", "deb", "apk") if (found := inventory.of(kind)))
        print(f"{write(inventory, folder)}: {kinds}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
