"""A server that tests started must not outlive them, even when the test process is killed."""

import subprocess
from pathlib import Path

# The shell's `read` ends when the test process closes its end of the pipe: by `disarm`, or by dying.
_SCRIPT = 'read -r answer; [ "$answer" = done ] && exit; kill -s "$1" "$2"; sleep 1; [ -z "$3" ] || rm -rf -- "$3"'


class Guard:
    """Watch over one server: if this process dies first, the server gets the signal and its folder goes."""

    def __init__(self, server: subprocess.Popen[bytes], *, signal_name: str, folder: Path | None = None) -> None:
        command = ["sh", "-c", _SCRIPT, "guard", signal_name, str(server.pid), str(folder or "")]
        # A session of its own: Ctrl-C in the terminal ends the tests, and then this one still has work to do.
        self._shell = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our script

    def disarm(self) -> None:
        """Stop watching, because the server is about to be stopped."""
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            self._shell.communicate(b"done\n")
