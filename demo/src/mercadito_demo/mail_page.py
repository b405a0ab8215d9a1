"""A page to read the kept mails by, for whoever develops: a list, and each mail as HTML, text and as it came."""

import email
import email.policy
import re
from base64 import b64encode
from email.message import EmailMessage
from html import escape
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mercadito_demo.serving import BoundedServer, LoggedRequest

SHOWN = 200  # the newest; older ones are opened by their file's name
MAX_CONNECTIONS = 16  # further ones wait in the listen queue
_NAME = re.compile(r"/mails/([\w.-]+\.eml)(/html|/raw)?")
# A mail is shown as it was sent, and may load and run nothing.
_MAIL_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-popups"
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'"
_FRAME = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body {{ font: 16px/1.5 system-ui; margin: 1rem auto; max-width: 72ch; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ padding: .25rem .5rem; text-align: left }}
iframe {{ border: 1px solid; height: 48rem; width: 100% }} pre {{ white-space: pre-wrap }}</style></head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def read(file: Path) -> EmailMessage:
    """Return the mail that a file holds."""
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        raise TypeError(file.name)
    return message


def _text(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if isinstance(part, EmailMessage) else ""


def list_page(folder: Path) -> str:
    """Return the list of the newest mails, the newest first."""
    newest = sorted((file for file in folder.glob("*.eml") if not file.name.startswith(".")), reverse=True)[:SHOWN]
    rows = []
    for file in newest:
        message = read(file)
        when, to, subject = (escape(text) for text in (file.name[:15], str(message["To"]), str(message["Subject"])))
        rows.append(f'<tr><td>{when}</td><td>{to}</td><td><a href="/mails/{escape(file.name)}">{subject}</a></td></tr>')
    table = f"<table><tr><th>UTC</th><th>to</th><th>subject</th></tr>{''.join(rows)}</table>"
    return _FRAME.format(title="Mails", body=table if rows else "<p>None yet.</p>")


def mail_page(name: str, message: EmailMessage) -> str:
    """Return one mail: its headers, its HTML in a frame that may do nothing, its text with links to follow."""
    headers = "".join(f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>" for key, value in message.items())
    text = re.sub(r"(https?://[^\s&<>]+(?:&amp;[^\s&<>]+)*)", r'<a href="\1">\1</a>', escape(_text(message, "plain")))
    frame = f'<iframe src="/mails/{name}/html" title="The mail as HTML"></iframe>' if _text(message, "html") else ""
    links = f'<p><a href="/">All mails</a> · <a href="/mails/{name}/raw">as it came</a></p>'
    body = f"{links}{frame}<h2>Text</h2><pre>{text}</pre><h2>Headers</h2><table>{headers}</table>"
    return _FRAME.format(title=escape(str(message["Subject"])), body=body)


def html_of(message: EmailMessage) -> str:
    """Return a mail's HTML with its inline pictures in it; its links open beside the page."""
    html = _text(message, "html")
    for part in message.walk():
        name, content = str(part["Content-ID"] or "").strip("<>"), part.get_payload(decode=True)
        if name and isinstance(content, bytes):
            html = html.replace(f"cid:{name}", f"data:{part.get_content_type()};base64,{b64encode(content).decode()}")
    return html.replace("<head>", '<head><base target="_blank">', 1)


class MailSite(BoundedServer):
    """A server of one folder's mails."""

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        self.folder = folder
        super().__init__(address, MailRequest, connections=MAX_CONNECTIONS)


class MailRequest(LoggedRequest):
    """One request for the list or a mail."""

    server: MailSite

    def do_GET(self) -> None:  # noqa: N802 - http.server finds methods by this name
        """Answer with the list, a mail, a mail's HTML or its raw bytes."""
        path = unquote(urlsplit(self.path).path)
        if path == "/healthz":
            self._answer("text/plain", b"ok", _PAGE_POLICY)
        elif path == "/":
            self._answer("text/html; charset=utf-8", list_page(self.server.folder).encode(), _PAGE_POLICY)
        elif (found := _NAME.fullmatch(path)) and (file := self.server.folder / found[1]).is_file():
            self._mail(file, found[2] or "")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _mail(self, file: Path, part: str) -> None:
        if part == "/raw":
            self._answer("text/plain; charset=utf-8", file.read_bytes(), _PAGE_POLICY)
        elif part == "/html":
            self._answer("text/html; charset=utf-8", html_of(read(file)).encode(), _MAIL_POLICY)
        else:
            self._answer("text/html; charset=utf-8", mail_page(file.name, read(file)).encode(), _PAGE_POLICY)

    def _answer(self, content_type: str, body: bytes, policy: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)
