"""The operator's command that takes backups off this host."""

import os
import subprocess
from datetime import UTC, datetime

from mercadito_backup import shelf
from mercadito_backup.logs import say
from mercadito_backup.problems import Busy, NotCopied
from mercadito_backup.programs import WORDS_SHOWN
from mercadito_backup.settings import Settings

DEADLINE_S = 3 * 3600


def copy(settings: Settings) -> None:
    """Run ``BACKUP_COPY_COMMAND`` in the folder of the backups, by ``sh -c``; without one there is nothing to do.

    Raises:
        NotCopied: it ended badly, not in ``DEADLINE_S``, or another is under way. The backup itself stands.

    """
    if not settings.copy_command:
        return
    try:
        with shelf.alone(settings.state, shelf.COPYING):
            _copy(settings)
    except Busy:
        raise NotCopied("the backup stands here, but a copy is under way: the next one takes it along") from None


def _copy(settings: Settings) -> None:
    env = {"PATH": os.environ.get("PATH", ""), "HOME": "/tmp", "BACKUP_FOLDER": str(settings.folder)}  # noqa: S108
    env |= {name: value for name, value in os.environ.items() if name.startswith("RCLONE_")}
    command = ["sh", "-c", settings.copy_command]
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command
            command, cwd=settings.folder, env=env, capture_output=True, text=True, check=False, timeout=DEADLINE_S
        )
        problem = f"ended with {done.returncode}: {done.stderr.strip()[-WORDS_SHOWN:]}" if done.returncode else ""
    except subprocess.TimeoutExpired:
        problem = f"did not end in {DEADLINE_S} s"
    if problem:
        say("backup_not_copied", "error", reason=problem)
        raise NotCopied(f"the backup stands here, but BACKUP_COPY_COMMAND {problem}")
    shelf.remember(settings.state, copy_at=datetime.now(UTC).isoformat())
    say("backups_copied")
