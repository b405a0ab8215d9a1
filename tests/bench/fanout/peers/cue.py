"""How a server in an event loop is told to broadcast: a datagram holds how many times."""

import asyncio
from collections.abc import Callable, Coroutine


async def obey(port: int, broadcast: Callable[[], Coroutine[None, None, None]]) -> None:
    """For ever, broadcast as often as datagrams at this port say, letting others have their turn in between."""
    wanted: asyncio.Queue[int] = asyncio.Queue()

    class Cues(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
            wanted.put_nowait(int(data))

    await asyncio.get_running_loop().create_datagram_endpoint(Cues, local_addr=("127.0.0.1", port))
    while True:
        for _ in range(await wanted.get()):
            await broadcast()
            await asyncio.sleep(0)
