"""House rules that no linter knows: what may be committed, how long things may get, what every folder must have."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("orders", "realtime", "usda-ingest", "notify")
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
LARGEST_FILE_BYTES = 1_000_000
LARGEST_TABLE_BYTES = 20_000
# In pieces, so that this file does not name them itself.
REGISTRIES = tuple(
    f"{name}.{end}"
    for name, end in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry.npmjs", "org"),
        ("deb.debian", "org"),
        ("index.docker", "io"),
        ("proxy.golang", "org"),
    )
)
GRAB_BAGS = re.compile(r"(^|/)(utils|helpers|common|misc|manager)(\.py|\.lua|\.js|/)")


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def python_files() -> list[Path]:
    return [file for file in committed() if file.suffix == ".py"]


def text_of(file: Path) -> str:
    return file.read_text(errors="replace")


def relative(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_no_registry_host_is_named() -> None:
    naming = [relative(file) for file in committed() if any(host in text_of(file) for host in REGISTRIES)]
    assert naming == []


def test_nothing_is_left_for_later() -> None:
    word = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
    code = [file for file in committed() if file.suffix in {".py", ".lua", ".js", ".html", ".sh", ".css", ".yaml"}]
    assert [relative(file) for file in code if word.search(text_of(file))] == []


def test_no_merge_was_left_half_done() -> None:
    marker = re.compile(r"^(<{7}|>{7}|\|{7}) ", re.MULTILINE)
    assert [relative(file) for file in committed() if marker.search(text_of(file))] == []


def test_no_lock_file_that_records_addresses_and_no_secret_is_committed() -> None:
    forbidden = {"uv.lock", "poetry.lock", ".env"}
    assert [relative(file) for file in committed() if file.name in forbidden] == []
    assert [relative(file) for file in committed() if file.suffix in {".pem", ".key"}] == []


def test_no_usda_file_enters_the_project() -> None:
    data = [file for file in committed() if file.suffix in {".csv", ".gz"}]
    assert [relative(file) for file in data if file.suffix == ".gz" or file.stat().st_size > LARGEST_TABLE_BYTES] == []
    headers = ("Low Price,High Price", "report_begin_date,report_end_date")
    assert [relative(file) for file in data if any(header in text_of(file) for header in headers)] == []


def test_no_file_is_large() -> None:
    assert [relative(file) for file in committed() if file.stat().st_size > LARGEST_FILE_BYTES] == []


def test_no_grab_bags() -> None:
    assert [relative(file) for file in committed() if GRAB_BAGS.search(relative(file))] == []


def test_source_files_stay_small() -> None:
    source = [file for file in committed() if file.suffix in {".py", ".lua", ".js"}]
    assert [relative(file) for file in source if text_of(file).count("\n") > LONGEST_FILE] == []


def test_functions_stay_short() -> None:
    long = []
    for file in python_files():
        for node in ast.walk(ast.parse(text_of(file))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno
                if lines > LONGEST_FUNCTION:
                    long.append(f"{relative(file)}:{node.lineno} {node.name} ({lines} lines)")
    assert long == []


def test_lua_modules_stay_small() -> None:
    modules = list((ROOT / "gateway" / "lua").rglob("*.lua"))
    assert modules
    assert [relative(file) for file in modules if text_of(file).count("\n") > 200] == []


def is_bash(file: Path) -> bool:
    return text_of(file).startswith(("#!/usr/bin/env bash", "# shellcheck shell=bash"))


def test_no_pipe_ends_at_a_reader_that_leaves_early() -> None:
    """With `pipefail` such a pipe fails whenever the writer is slower: use `sed -n 1p`, `[[ $(…) =~ … ]]`, awk."""
    leaves = re.compile(r"\|\s*(head\b|grep (-\w*q|--quiet|-m)|sed (-n )?['\"]?\d*q)")
    scripts = [file for file in committed() if is_bash(file)]
    assert len(scripts) > 10
    found = [
        f"{relative(file)}: {line}" for file in scripts for line in text_of(file).splitlines() if leaves.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_what_the_house_asks_for(service: str) -> None:
    folder = ROOT / "services" / service
    for name in ("pyproject.toml", "requirements.txt", "README.md", "Dockerfile", "src", "tests", "contracts/consumes"):
        assert (folder / name).exists(), name
    if service != "realtime":
        assert list((folder / "migrations" / "versions").glob("*.py"))


def requirement_files() -> list[Path]:
    return [file for file in committed() if re.fullmatch(r"requirements.*\.txt", file.name)]


@pytest.mark.parametrize("file", requirement_files(), ids=relative)
def test_every_requirement_is_pinned_with_a_hash(file: Path) -> None:
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n?", "", text_of(file), flags=re.MULTILINE).strip())
    assert entries
    assert [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_every_migration_has_one_head_per_service() -> None:
    for service in ("orders", "usda-ingest", "notify"):
        files = list((ROOT / "services" / service / "migrations" / "versions").glob("*.py"))
        text = [text_of(file) for file in files]
        revisions = {
            match for each in text for match in re.findall(r'^revision(?:: str)? = "([^"]+)"', each, re.MULTILINE)
        }
        parents = {match for each in text for match in re.findall(r'^down_revision.*= "([^"]+)"', each, re.MULTILINE)}
        assert len(revisions) == len(files), service
        assert len(revisions - parents) == 1, f"{service}: {revisions - parents}"


def test_make_help_names_every_target() -> None:
    makefile = text_of(ROOT / "Makefile")
    targets = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert targets
    assert targets <= {line.split()[0] for line in shown.splitlines()}


def test_every_setting_that_is_read_is_documented() -> None:
    documented = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text_of(ROOT / ".env.example"), re.MULTILINE))
    read = re.compile(r'reader\.(?:text|integer|number|choice|url|date|secret|path|flag)\(\s*"([A-Z][A-Z0-9_]+)"')
    source = [file for file in python_files() if "/src/" in str(file)]
    asked = {name for file in source for name in read.findall(text_of(file))}
    assert asked
    assert asked - documented == set()
