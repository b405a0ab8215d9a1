"""The site from outside: pages, links, files, validators."""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mercadito_demo.catalogue import Folder


class Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


@pytest.fixture
def site(site_at: Callable[[Folder], AbstractContextManager[str]], files: Path) -> Iterator[str]:
    with site_at(lambda: files) as address:
        yield address


def get(url: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, Message, bytes]:
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, problem.headers, problem.read()


def clean(link: str) -> str:
    """Write raw spaces as a browser or a spider would."""
    return link.replace(" ", "%20")


def file_links(site: str) -> list[str]:
    """Follow the index and the page it links, as a spider does."""
    first = Links(get(site + "/")[2].decode()).found
    pages = [link for link in first if "archive" in link]
    second = [link for page in pages for link in Links(get(site + clean(page))[2].decode()).found]
    return sorted({clean(link) for link in first + second if ".csv" in link})


def test_every_csv_file_is_linked_and_some_only_from_the_second_page(site: str) -> None:
    links = file_links(site)
    names = [urllib.parse.unquote(urllib.parse.urlsplit(link).path).rsplit("/", 1)[-1] for link in links]
    assert sorted(names) == ["100%.csv", "daily.csv", "los angeles.csv", "mars.csv.gz"]
    index = [link for link in Links(get(site + "/")[2].decode()).found if ".csv" in link]
    assert 0 < len(index) < len(links)


def test_links_look_like_real_ones_with_query_strings_and_a_raw_space(site: str) -> None:
    links = [
        link for page in ("/", "/mnp/fv-report-archive?page=2") for link in Links(get(site + page)[2].decode()).found
    ]
    of_files = [link for link in links if ".csv" in link]
    assert all("?" in link for link in of_files)
    assert any(" " in link for link in of_files)


def test_every_linked_file_can_be_fetched_unchanged(site: str, files: Path) -> None:
    for link in file_links(site):
        status, headers, body = get(site + link)
        name = urllib.parse.unquote(urllib.parse.urlsplit(link).path).removeprefix("/Market News/files/")
        assert status == 200
        assert body == (files / name).read_bytes()
        assert headers["Content-Encoding"] is None
        assert headers["Content-Type"] == ("application/gzip" if name.endswith(".gz") else "text/csv")


def test_a_file_that_the_client_has_is_answered_304_without_a_body(site: str, files: Path) -> None:
    url = site + file_links(site)[0]
    headers = get(url)[1]
    assert get(url, {"If-None-Match": headers["ETag"]})[::2] == (304, b"")
    assert get(url, {"If-None-Match": f'"other", W/{headers["ETag"]}'})[0] == 304
    assert get(url, {"If-Modified-Since": headers["Last-Modified"]})[::2] == (304, b"")


def test_a_changed_file_is_sent_again_under_another_tag(site: str, files: Path) -> None:
    url = site + next(link for link in file_links(site) if "los%20angeles" in link)
    old = get(url)[1]["ETag"]
    (files / "los angeles.csv").write_text("a,b\n9,9\n3,4\n")
    status, headers, body = get(url, {"If-None-Match": old, "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert (status, body) == (200, b"a,b\n9,9\n3,4\n")
    assert headers["ETag"] != old


@pytest.mark.parametrize("since", ["yesterday", "", "Fri, 99 Foo 2100"])
def test_an_unreadable_date_is_ignored(site: str, since: str) -> None:
    assert get(site + file_links(site)[0], {"If-Modified-Since": since})[0] == 200


def test_head_gives_the_headers_without_a_body(site: str) -> None:
    status, headers, body = get(site + file_links(site)[0], method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/Market%20News/files/",
        "/Market%20News/files/outside.csv",
        "/Market%20News/files/../secret.csv",
        "/Market%20News/files/%2e%2e/secret.csv",
        "/Market%20News/files//etc/passwd",
        "/Market%20News/files/notes.txt",
        "/Market%20News/files/a%00b.csv",
    ],
)
def test_nothing_but_the_listed_files_is_served(site: str, path: str) -> None:
    place = urllib.parse.urlsplit(site)
    connection = http.client.HTTPConnection(place.netloc, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 404
    assert b"secret" not in body


def test_health_and_robots_answer(site: str) -> None:
    assert get(site + "/healthz")[::2] == (200, b"ok")
    assert b"User-agent: *" in get(site + "/robots.txt")[2]


def test_a_post_is_refused(site: str) -> None:
    assert get(site + "/", method="POST")[0] == 501
