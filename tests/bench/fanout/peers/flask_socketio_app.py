"""Flask-SocketIO on gevent. usage: python -m tests.bench.fanout.peers.flask_socketio_app PORT CUE_PORT."""

from gevent import monkey  # type: ignore[import-untyped]  # it is there where this runs

monkey.patch_all()

import socket  # noqa: E402 - after the patch
import sys  # noqa: E402

from flask import Flask  # type: ignore[import-not-found]  # noqa: E402
from flask_socketio import SocketIO  # type: ignore[import-untyped]  # noqa: E402

from tests.bench.fanout.peers.message import message  # noqa: E402

app = Flask(__name__)
server = SocketIO(app, async_mode="gevent", cors_allowed_origins="*")


def obey(port: int) -> None:
    """For ever, broadcast as often as datagrams at this port say."""
    cues = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    cues.bind(("127.0.0.1", port))
    while True:
        for _ in range(int(cues.recv(16))):
            server.emit("news", message())
            server.sleep(0)


server.start_background_task(obey, int(sys.argv[2]))
server.run(app, host="127.0.0.1", port=int(sys.argv[1]))
