"""The programs in docs/realtime.md do what the page says: they print the news, and what they missed while away."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.driver.api import Client, limited_offers
from tests.driver.documents import block
from tests.driver.polling import eventually
from tests.driver.system import System

START_WITHIN_S = 20
NEWS_WITHIN_S = 5
BACK_WITHIN_S = 40


@dataclass
class Program:
    """An example that runs, and what it printed."""

    process: subprocess.Popen[bytes]
    output: Path

    def printed(self, *words: str) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return any(all(word in line for word in words) for line in self.output.read_text().splitlines())

    def prints(self, *words: str, within_s: float) -> None:
        eventually(lambda: self.printed(*words), within_s=within_s, what=f"{words} in {self.output.read_text()}")


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def run(title: str, *command: str, **environment: str) -> Program:
        file, output = tmp_path / title, tmp_path / f"{title}.{len(running)}.out"
        file.write_text(block("realtime.md", title))
        with output.open("wb") as out:
            process = subprocess.Popen(
                [*command, str(file), *environment.pop("arguments", "").split()],
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        running.append(process)
        return Program(process, output)

    yield run
    for process in running:
        os.killpg(process.pid, 9)
        process.wait()


def ordering(buyer: Client, offer_id: str) -> Callable[[], str]:
    """Return something that changes the offer, and what is then told of it."""

    def change() -> str:
        buyer.start_afresh()
        assert buyer.place({offer_id: 1}).status_code == 201
        return offer_id

    return change


def begins(program: Program, change: Callable[[], str]) -> None:
    """Until the program is subscribed nothing is told to it, so go on changing."""
    told = change()

    def heard() -> bool:
        return program.printed("offer", told) or (bool(change()) and program.printed("offer", told))

    eventually(heard, within_s=START_WITHIN_S, what=f"news in {program.output.read_text()}")


@pytest.mark.parametrize(
    ("title", "command"),
    [("watch.mjs", ("node", "--no-warnings", "--experimental-websocket")), ("watch.py", (sys.executable,))],
)
def test_a_program_prints_the_news_and_what_it_missed_while_realtime_was_killed(
    system: System, buyers: list[Client], start: Start, title: str, command: tuple[str, ...]
) -> None:
    first, second, third = (str(offer["id"]) for offer in limited_offers(buyers[0].cycle())[:3])
    channel = f"cycle:{buyers[0].cycle_id()}"
    token = buyers[1].http.headers["Authorization"].removeprefix("Bearer ")
    program = start(title, *command, arguments=f"{system.url} {token} {channel}")
    begins(program, ordering(buyers[0], first))
    buyers[2].place({second: 2})
    program.prints("offer", second, within_s=NEWS_WITHIN_S)
    killed = system.kill("realtime")
    assert buyers[3].place({third: 3}).status_code == 201
    system.came_back("realtime", instead_of=killed)
    program.prints("offer", third, within_s=BACK_WITHIN_S)
    assert not program.printed("reset")


def test_curl_prints_the_news_as_events_and_goes_on_from_the_last_id(
    system: System, buyers: list[Client], start: Start
) -> None:
    first, second = (str(offer["id"]) for offer in limited_offers(buyers[0].cycle())[:2])
    token = buyers[1].http.headers["Authorization"].removeprefix("Bearer ")
    told = {"SITE": system.url, "TOKEN": token, "CHANNEL": f"cycle:{buyers[0].cycle_id()}"}
    program = start("watch.sh", "bash", **told)
    begins(program, ordering(buyers[0], first))
    last = re.findall(r"^id: *(.+)$", program.output.read_text(), re.MULTILINE)[-1]
    buyers[2].place({second: 2})
    program.prints("data", second, within_s=NEWS_WITHIN_S)
    again = start("watch.sh", "bash", **told, LAST=last)
    again.prints("data", second, within_s=START_WITHIN_S)
