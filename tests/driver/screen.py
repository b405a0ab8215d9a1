"""A program that watches channels as an open page does."""

import json
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.driver.api import Client

Message = dict[str, Any]
OPEN_WITHIN_S = 10


class Screen:
    """One WebSocket with subscriptions; keeps every message of its channels."""

    def __init__(self, url: str, client: Client, *channels: str) -> None:
        address = f"ws://{urlsplit(url).netloc}/ws"
        self.messages: list[Message] = []
        with ExitStack() as opened:
            protocol = Subprotocol("mercadito.v1")
            connecting = connect(address, subprotocols=[protocol], origin=Origin(url), open_timeout=OPEN_WITHIN_S)
            self.socket: ClientConnection = opened.enter_context(connecting)
            self._subscribe(client, channels)
            self._closing = opened.pop_all()

    def _subscribe(self, client: Client, channels: tuple[str, ...]) -> None:
        self._send({"auth": client.ticket()})
        self._until(lambda frame: "welcome" in frame, within_s=5)
        self._send({"sub": [{"c": channel} for channel in channels]})
        for channel in channels:
            self._until(lambda frame, channel=channel: frame.get("sub", {}).get("c") == channel, within_s=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _send(self, frame: Message) -> None:
        self.socket.send(json.dumps(frame))

    def _until(self, wanted: Any, *, within_s: float) -> Message:
        deadline = time.monotonic() + within_s
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"nothing within {within_s} s; last: {self.messages[-3:]}"
            frame: Message = json.loads(self.socket.recv(timeout=left))
            if "ping" in frame:
                self._send({"pong": frame["ping"]})
            self.messages.extend(frame.get("b", []))
            if wanted(frame):
                return frame

    def asks(self, channel: str, *, within_s: float = 5) -> Message:
        """Subscribe to one more channel; return the answer, a refusal too."""
        self._send({"sub": [{"c": channel}]})
        wanted = ("sub", "err")
        return self._until(
            lambda frame: any(frame.get(name, {}).get("c") == channel for name in wanted), within_s=within_s
        )

    def sees(self, kind: str, *, within_s: float, **fields: object) -> Message:
        """Wait for a message of `kind` whose data has these fields; return it."""

        def fits(message: Message) -> bool:
            return message["k"] == kind and all(message["d"].get(name) == value for name, value in fields.items())

        for message in self.messages:
            if fits(message):
                return message
        frame = self._until(lambda frame: any(fits(message) for message in frame.get("b", [])), within_s=within_s)
        return next(message for message in frame["b"] if fits(message))
