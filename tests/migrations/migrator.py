"""A migrator at work: what it says as it says it."""

import subprocess
import threading
from dataclasses import dataclass, field

from tests.driver.polling import eventually
from tests.migrations.databases import MIGRATED_WITHIN_S

GAVE_WAY = "migration_gave_way"
GIVES_WAY_WITHIN_S = 90


@dataclass
class Migrator:
    """The process and its lines so far."""

    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as said:
            self.lines.extend(said)

    def await_giving_way(self, times: int) -> None:
        """Wait until it has given way so often in all."""

        def often_enough() -> bool:
            assert self.process.poll() is None, "".join(self.lines)
            return sum(GAVE_WAY in line for line in list(self.lines)) >= times

        eventually(often_enough, within_s=GIVES_WAY_WITHIN_S, what=f"{times} times {GAVE_WAY}")

    def end(self) -> int:
        """Wait for its end."""
        code = self.process.wait(timeout=MIGRATED_WITHIN_S)
        self._reading.join()
        return code
