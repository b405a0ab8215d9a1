"""The environments: one per project, filled from its hash-pinned requirements, rebuilt only when those change.

usage: python3 -m native.environments [--test] PROJECT...   (a folder with pyproject.toml or requirements.txt)
       python3 -m native.environments --lock PROJECT...        writes requirements*.txt anew from pyproject.toml
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "native" / ".venv"
BUILD = ROOT / "requirements-build.txt"
INSTALLER = ROOT / "requirements-installer.txt"
NODE_FILES = 3
LOCK = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header"]


class EnvironmentFailed(Exception):
    """A virtual environment could not be made; the message says what to do."""


def _run(command: Sequence[object]) -> None:
    try:
        done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    except OSError as missing:
        raise EnvironmentFailed(f"{command[0]} does not start: {missing.strerror}") from missing
    if done.returncode:
        raise EnvironmentFailed(f"failed ({done.returncode}): {' '.join(str(part) for part in command)}")


def _stamp(files: list[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def tools() -> Path:
    """Make the environment of the installer and the supervisor; return its bin folder."""
    wanted = _stamp([INSTALLER, ROOT / "native" / "requirements.txt"])
    mark = TOOLS / "stamp"
    if not mark.exists() or mark.read_text() != wanted:
        print("  native: uv, supervisor", flush=True)
        if subprocess.run([sys.executable, "-m", "venv", "--clear", TOOLS], check=False).returncode:
            shutil.rmtree(TOOLS, ignore_errors=True)
            raise EnvironmentFailed("python3 -m venv does not work here: install python3-venv")
        pip: list[object] = [
            TOOLS / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        _run([*pip, "--require-hashes", "-r", INSTALLER, "-r", "native/requirements.txt"])
        mark.write_text(wanted)
    return TOOLS / "bin"


def _sources(project: Path) -> list[Path]:
    """Return our own folders to install in the project's environment: the project and, beside it, the events kit."""
    if not (project / "pyproject.toml").exists():
        return []
    kit = ROOT / "events"
    needs_kit = project != kit and "mercadito-events" in (project / "pyproject.toml").read_text()
    return [*([kit] if needs_kit else []), project]


def ensure(project: Path, *, test: bool = False) -> Path:
    """Make or refresh `project/.venv`; return its bin folder. Quick when nothing changed."""
    project = project.resolve()
    files = [project / "requirements.txt", *([project / "requirements-test.txt"] if test else [])]
    files = [file for file in files if file.exists()]
    sources = _sources(project)
    wanted = _stamp([*files, BUILD, *[source / "pyproject.toml" for source in sources]])
    venv = project / ".venv"
    mark = venv / ("stamp-test" if test else "stamp")
    if not test and (venv / "stamp-test").exists():
        return ensure(project, test=True)
    if test:
        _node_packages(project)
    if mark.exists() and mark.read_text() == wanted:
        return venv / "bin"
    uv = tools() / "uv"
    print(f"  {project.relative_to(ROOT)}: {', '.join(file.name for file in files)}", flush=True)
    if not (venv / "bin" / "python").exists():
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv])
    install: list[object] = [uv, "pip", "install", "--quiet", "--python", venv / "bin" / "python"]
    requirements = [argument for file in [*files, BUILD] for argument in ("-r", str(file))]
    _run([*install, "--require-hashes", *requirements])
    if sources:
        editable = [argument for source in sources for argument in ("--editable", str(source))]
        _run([*install, "--no-deps", "--no-build-isolation", *editable])
    mark.write_text(wanted)
    return venv / "bin"


def _node_packages(project: Path) -> None:
    """Install what `package-lock.json` pins, by hash: the tests compare it with what is served (ADR 37)."""
    files = [project / name for name in ("package.json", "package-lock.json", ".npmrc") if (project / name).exists()]
    mark = project / "node_modules" / "stamp"
    wanted = _stamp(files)
    if len(files) < NODE_FILES or (mark.exists() and mark.read_text() == wanted):
        return
    print(f"  {project.relative_to(ROOT)}: package-lock.json", flush=True)
    _run(["npm", "ci", "--silent", "--prefix", project])
    mark.write_text(wanted)


def lock(project: Path) -> None:
    """Pin the project's dependencies with hashes; its test dependencies are pinned so that they agree with them."""
    uv = tools() / "uv"
    source = project / "pyproject.toml"
    # The repository's own pyproject.toml holds settings of tools alone.
    if not source.exists() or "\n[project]\n" not in f"\n{source.read_text()}":
        for wanted in sorted(project.glob("requirements*.in")):
            _run([uv, *LOCK, wanted, "--output-file", wanted.with_suffix(".txt")])
        return
    ours = ["--no-emit-package", "mercadito-events"]
    _run([str(uv), *LOCK, *ours, str(source), "--output-file", project / "requirements.txt"])
    if "\ntest = [" in source.read_text():
        pins = ["--constraint", project / "requirements.txt", "--extra", "test"]
        _run([uv, *LOCK, *ours, source, *pins, "--output-file", project / "requirements-test.txt"])


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--test", action="store_true", help="with what the tests need")
    parser.add_argument("--lock", action="store_true", help="write the pinned requirements anew")
    options = parser.parse_args()
    try:
        for project in options.projects:
            if options.lock:
                lock(project)
            else:
                ensure(project, test=options.test)
    except EnvironmentFailed as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
