"""What the documents tell people to type: it has to exist, and to work where they are told to type it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.test_repository import ROOT, committed, relative, text_of

DOCUMENTS = [file for file in committed() if file.suffix == ".md" and file.name != "CHANGELOG.md"]
OPERATIONS = ROOT / "docs" / "operations.md"
COMPOSE = ROOT / "compose"


def code(file: Path) -> list[str]:
    """Every line of a document's fenced blocks, and every span of code in its text."""
    fence = re.compile(r"^ *```.*?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
    text = text_of(file)
    blocks = [line for block in fence.findall(text) for line in block.splitlines()]
    return blocks + re.findall(r"`([^`\n]+)`", fence.sub("", text))


def wrong(pattern: str, known: set[str], *files: Path) -> list[str]:
    """Return what the pattern finds in the code of documents and nobody knows."""
    found = re.compile(pattern)
    return [
        f"{relative(file)}: {line}"
        for file in files
        for line in code(file)
        for name in found.findall(line)
        if name not in known
    ]


def compose_services() -> set[str]:
    named: set[str] = set()
    for file in COMPOSE.glob("compose*.yaml"):
        read: dict[str, Any] = yaml.safe_load(file.read_text())
        named |= read.get("services", {}).keys()
    return named


def test_a_command_of_compose_says_which_files_it_is_about() -> None:
    """The checkout's root has none; on a server `compose/production` knows them, and the release."""
    commands = [line for line in code(OPERATIONS) if "docker compose" in line]
    assert [line for line in commands if "--file compose/" not in line] == []


def test_targets_of_make_that_documents_name_are_there() -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)", text_of(ROOT / "Makefile"), re.MULTILINE))
    assert wrong(r"(?:^|[;&|] *)make ([a-z][a-z-]*)", targets, *DOCUMENTS) == []


def test_scripts_of_compose_that_documents_name_are_there() -> None:
    there = {f"compose/{file.relative_to(COMPOSE)}" for file in COMPOSE.rglob("*")}
    assert wrong(r"(?<![\w./-])(compose/[a-z][\w./-]*)", there, *DOCUMENTS) == []


@pytest.mark.parametrize("verb", ["exec", "run", "restart", "start", "stop"])
def test_services_of_compose_that_documents_name_are_there(verb: str) -> None:
    options = r"(?: --(?:env|volume|publish|user) \S+| --[a-z-]+)*"
    pattern = rf"compose/production{options} {verb}{options} ([a-z][a-z-]*)"
    assert re.search(pattern, "\n".join(code(OPERATIONS)))
    assert wrong(pattern, compose_services(), *DOCUMENTS) == []


def test_comments_of_settings_stand_on_lines_of_their_own() -> None:
    """Behind a value they may be read as a part of it."""
    setting = re.compile(r"^#? ?[A-Z][A-Z0-9_]+=\S*[ \t]+#")
    files = [*DOCUMENTS, ROOT / ".env.example"]
    lines = [line for file in files for line in (code(file) if file.suffix == ".md" else text_of(file).splitlines())]
    assert [line for line in lines if setting.search(line.strip())] == []
