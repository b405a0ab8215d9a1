"""What every measurement of the fan-out needs: a folder, the load generator, NATS and tickets, and realtime itself."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.fanout.actors import Crowd, Door, Stage
from tests.bench.fanout.service import Realtime

CHANNELS: Sequence[str] = ("cycle:bench", "store:bench")


@dataclass
class Hall:
    """Lent to one measurement; each starts a realtime of its own."""

    folder: Path
    program: Path
    stage: Stage

    @contextlib.asynccontextmanager
    async def realtime(self, workers: int = 1) -> AsyncIterator[Realtime]:
        """Lend a service that serves."""
        service = Realtime(self.folder, self.stage.environment, workers)
        try:
            yield await service.start()
        finally:
            await service.stop()

    @contextlib.asynccontextmanager
    async def crowd(
        self, port: int, people: int, channels: Sequence[str] = CHANNELS, in_flight: int = 250
    ) -> AsyncIterator[Crowd]:
        """Lend clients with a ticket each."""
        tickets = self.folder / "tickets"
        await self.stage.do("tickets", count=people, file=str(tickets))
        door = Door("ours", port, "/ws", channels, str(tickets), in_flight)
        made = await Crowd.of(self.program, self.folder / "crowd.log", door)
        try:
            yield made
        finally:
            await made.end()
