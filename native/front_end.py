"""Front-end packages: fetched from npm by the lock file, copied to the static files, never committed."""

import hashlib
import subprocess
from pathlib import Path

NPM_TIMEOUT_S = 300


class FrontEndFailed(Exception):
    """The packages could not be fetched or copied; the message is npm's."""


def _npm(project: Path, *arguments: str) -> None:
    command = ["npm", *arguments, "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=project, check=False, capture_output=True, text=True, timeout=NPM_TIMEOUT_S)
    if done.returncode:
        raise FrontEndFailed(
            f"npm {' '.join(arguments)} failed in {project}:\n{done.stdout[-500:]}{done.stderr[-1500:]}"
        )


def ensure(project: Path) -> None:
    """Run `npm ci` and the project's `vendor` script when its lock file changed; quick otherwise."""
    wanted = hashlib.sha256(b"".join((project / name).read_bytes() for name in ("package.json", "package-lock.json")))
    mark = project / "node_modules" / "mercadito-stamp"
    if mark.exists() and mark.read_text() == wanted.hexdigest():
        return
    _npm(project, "ci", "--ignore-scripts")
    _npm(project, "run", "vendor")
    mark.write_text(wanted.hexdigest())
