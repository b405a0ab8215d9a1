"""Shows everyone, at once, what changed: WebSocket channels fed by the event streams."""

from importlib.metadata import version

SERVICE = "realtime"
VERSION = version("mercadito-realtime")
