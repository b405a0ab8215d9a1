"""What docs/operations.md tells an operator to do on a server, and what it must not leave out."""

import re

import pytest

from tests.driver.system import ROOT

OPERATIONS = (ROOT / "docs/operations.md").read_text()
ANOTHER_SECRET = OPERATIONS.split("### Another secret")[1].split("\n## ")[0]
COPY = re.compile(r"BACKUP_COPY_COMMAND(?:=|: )(.*)")


def rotation_of(secret: str) -> str:
    """Return what is to be done after a secret is another one."""
    (row,) = re.findall(rf"^\| [^|]*`{secret}`[^|]*\|(.*)\|$", ANOTHER_SECRET, re.MULTILINE)
    return str(row)


@pytest.mark.parametrize("secret", ["mail_link_key", "bounce_webhook_key"])
def test_a_stolen_key_is_out_of_use_after_what_is_told(secret: str) -> None:
    """A deploy sees no secret, so without another setting beside it nobody would read the new one."""
    stolen, kept = rotation_of(secret).split("Was it not:")
    assert "`make restart S=notify`" in stolen
    assert f"`{secret.upper()}_PREVIOUS`" in kept
    assert "`mercadito_settings`" in kept
    assert "`make deploy`" in kept


@pytest.mark.parametrize("file", ["docs/operations.md", ".env.example", "server/settings.example.yaml"])
def test_the_copy_that_is_told_bears_backups_that_were_brought_back(file: str) -> None:
    """Their times are others: with --immutable alone rclone ends with an error each night."""
    told = [command for command in COPY.findall((ROOT / file).read_text()) if command.startswith("rclone")]
    assert told == ["rclone copy . away:mercadito --immutable --size-only --exclude '.*/**'"]
