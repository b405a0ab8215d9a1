"""The outside world of a demo run: the USDA's site and a mail server."""
