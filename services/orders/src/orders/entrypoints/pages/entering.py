"""What happens once somebody is in: the page they wanted, what they had typed before, cookies, language."""

from flask import Response
from werkzeug.datastructures import MultiDict

from orders.application.sessions import Session
from orders.entrypoints import cookies
from orders.entrypoints.identity import container
from orders.entrypoints.pages import carried, ordering
from orders.entrypoints.pages.door import kept_form
from orders.entrypoints.pages.reader import LANGUAGE_COOKIE, LANGUAGE_COOKIE_S, enter, local_path
from orders.entrypoints.pages.site import site

SECONDS_A_MINUTE = 60


def go_on(session: Session, form: MultiDict[str, str]) -> Response:
    """Answer the form that opened a session: on to where its owner wanted to, with everything typed before."""
    person = container().accounts.identify_session(session.secret)
    enter(person, session.secret)
    kept = kept_form(form)
    gone = carried.resume(kept) or ordering.resume(carried.without(kept))
    gone = gone or Response(status=303, headers={"Location": local_path(form.get("next"))})
    cookies.set_session(gone, session)
    cookies.set_identity(gone, container().accounts.identity_token(person))
    # The sign-in page and the pages of failures speak it too, next time.
    remember_language(gone, person.locale)
    return gone


def remember_language(response: Response, wanted: str) -> None:
    """Let this browser keep a language, also for who is not signed in."""
    response.set_cookie(
        LANGUAGE_COOKIE, wanted, max_age=LANGUAGE_COOKIE_S, httponly=True, samesite="Lax", secure=site().secure_cookies
    )


def waiting(seconds: int) -> int:
    """Return how many minutes to say for a number of seconds."""
    return -(-seconds // SECONDS_A_MINUTE)
