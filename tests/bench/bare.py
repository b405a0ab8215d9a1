"""The peer of a read: Flask that answers as many bytes as our page has, and does nothing else.

It runs in the environment of orders, under gunicorn with the very settings of `orders web`.
"""

import os

from flask import Flask  # type: ignore[import-not-found]  # it is there where this runs

BODY = b"x" * int(os.environ["BARE_BYTES"])


def answer() -> bytes:
    """Answer."""
    return BODY


app = Flask("bare", static_folder=None)
app.add_url_rule("/", view_func=answer)
