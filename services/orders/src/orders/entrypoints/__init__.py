"""Where requests, commands and events come in."""
