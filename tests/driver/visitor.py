"""A person at a browser without scripts."""

import re

import httpx


class Visitor:
    """A browser without scripts: follows nothing by itself, sends forms as they were drawn."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=40, headers={"Sec-Fetch-Site": "same-origin"})

    def send(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Open a page and send its form with these fields."""
        drawn = self.http.get(page)
        token = re.search(r'name="csrf_token" value="(\w+)"', drawn.text)
        assert token, f"{page}: {drawn.status_code}"
        return self.http.post(action, data={"csrf_token": token[1], **fields})

    def sign_in(self, email: str, password: str) -> bool:
        """Say whether the sign-in page lets this one in."""
        answer = self.send("/sign-in", "/sign-in", email=email, password=password)
        assert answer.status_code in {303, 401}, answer.status_code
        return answer.status_code == 303

    def is_in(self) -> bool:
        """Say whether the session is alive."""
        return self.http.get("/account").status_code == 200
