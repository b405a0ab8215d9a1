"""The Idempotency-Key of a request, from the header or, for forms, from the address."""

import hashlib
import re

from flask import Response, request

from orders.application.commands import Answer, RequestKey
from orders.domain.people import Actor
from orders.entrypoints.problems import MissingIdempotencyKey

MAX_KEY_CHARACTERS = 255
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")


def request_key(actor: Actor, *, required: bool) -> RequestKey | None:
    """Return the key of the current request; a header wins over `?idempotency_key=`.

    The same request is the same method, path and body; the key belongs to the person, so nobody meets another's answer.
    """
    key = request.headers.get("Idempotency-Key") or request.args.get("idempotency_key") or ""
    if not key and not required:
        return None
    if not _PRINTABLE.fullmatch(key):
        raise MissingIdempotencyKey(f"send an Idempotency-Key of 1 to {MAX_KEY_CHARACTERS} printable characters")
    # The body is read raw and kept, so that reading the form or the JSON afterwards still works.
    body = request.get_data(cache=True, parse_form_data=False)
    digest = hashlib.sha256(b"\n".join([request.method.encode(), request.path.encode(), body]))
    return RequestKey(actor.person_id, key, digest.hexdigest())


def respond(answer: Answer) -> Response:
    """Give an answer, for the first time or again."""
    response = Response(answer.body, answer.status, content_type="application/json" if answer.body else None)
    response.headers.extend(answer.headers)
    return response
