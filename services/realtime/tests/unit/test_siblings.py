import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families
from realtime import siblings
from realtime.gathering import exposition, samples_of
from realtime.siblings import Siblings
from realtime.workers import ALONE, Seat


def echo(number: int) -> siblings.Answer:
    async def answer(question: Mapping[str, Any]) -> Any:
        if question.get("do") == "fail":
            raise ValueError
        return {"worker": number, "heard": dict(question)}

    return answer


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[Siblings]]:
    made = [Siblings(Seat(number, 3, 0, tmp_path), echo(number)) for number in range(3)]
    for each in made:
        await each.start()
    yield made
    for each in made:
        await each.stop()


async def test_a_question_reaches_all_whoever_asks(three: list[Siblings]) -> None:
    for each in three:
        answers = await each.ask({"do": "x", "é": "ñ"})
        assert answers.of == {n: {"worker": n, "heard": {"do": "x", "é": "ñ"}} for n in range(3)}
        assert answers.silent == ()


async def test_one_that_is_gone_is_named(three: list[Siblings]) -> None:
    await three[1].stop()
    answers = await three[0].ask({"do": "x"})
    assert set(answers.of) == {0, 2}
    assert answers.silent == (1,)


async def test_one_that_does_not_answer_is_waited_for_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(siblings, "ANSWER_S", 0.2)
    never = asyncio.Event()

    async def hang(_question: Mapping[str, Any]) -> Any:
        await never.wait()

    first, second = Siblings(Seat(0, 2, 0, tmp_path), echo(0)), Siblings(Seat(1, 2, 0, tmp_path), hang)
    await first.start()
    await second.start()
    async with asyncio.timeout(5):
        answers = await first.ask({"do": "x"})
    assert (set(answers.of), answers.silent) == ({0}, (1,))
    await first.stop()
    await second.stop()


async def test_one_that_answers_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings, "MAX_ANSWER_BYTES", 100_000)

    async def much(_question: Mapping[str, Any]) -> Any:
        return "x" * 1_000_000

    first, second = Siblings(Seat(0, 2, 0, tmp_path), echo(0)), Siblings(Seat(1, 2, 0, tmp_path), much)
    await first.start()
    await second.start()
    assert (await first.ask({"do": "x"})).silent == (1,)
    await first.stop()
    await second.stop()


@pytest.mark.parametrize("bytes_", [b"", b"\n", b"{\n", b"no end", b"x" * 200_000, b'{"do":"fail"}\n', b"[]\n"])
async def test_a_broken_question_harms_nobody(three: list[Siblings], tmp_path: Path, bytes_: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "worker-1")
    writer.write(bytes_)
    writer.write_eof()
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):  # it hung up with something unread
            assert await reader.read() == b""
    writer.close()
    assert (await three[0].ask({"do": "x"})).silent == ()


async def test_a_socket_left_behind_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "worker-1"))
    again = Siblings(Seat(1, 2, 1, tmp_path), echo(1))
    await again.start()
    other = Siblings(Seat(0, 2, 0, tmp_path), echo(0))
    assert (await other.ask({"do": "x"})).silent == ()
    await again.stop()


async def test_alone_one_asks_oneself() -> None:
    alone = Siblings(ALONE, echo(0))
    await alone.start()
    assert set((await alone.ask({"do": "x"})).of) == {0}


def registry_of(value: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("things", "Things\nseen", ["kind"], registry=registry).labels('a"b').inc(value)
    Gauge("level", "How much", registry=registry).set(value / 4)
    Histogram("waits_seconds", "Waits", buckets=(0.1, 1.0), registry=registry).observe(value)
    return registry


async def test_numbers_of_all_are_told_by_worker_and_read_by_prometheus(tmp_path: Path) -> None:
    async def answer(_question: Mapping[str, Any]) -> Any:
        return samples_of(registry_of(7))

    async def own(_question: Mapping[str, Any]) -> Any:
        return samples_of(registry_of(3))

    first, second = Siblings(Seat(0, 3, 0, tmp_path), own), Siblings(Seat(1, 3, 0, tmp_path), answer)
    await first.start()
    await second.start()
    text = (await exposition(registry_of(0), first)).decode()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["things_total", ("kind", 'a"b'), ("worker", "1")] == 7
    assert samples["things_total", ("kind", 'a"b'), ("worker", "0")] == 3
    assert samples["level", ("worker", "1")] == 1.75
    assert samples["waits_seconds_bucket", ("le", "+Inf"), ("worker", "0")] == 1
    assert samples["waits_seconds_bucket", ("le", "1.0"), ("worker", "0")] == 0
    assert [samples["realtime_worker_up", ("worker", str(n))] for n in range(3)] == [1, 1, 0]
    assert text.count("# TYPE things_total counter") == 1
    await first.stop()
    await second.stop()


async def test_alone_numbers_have_no_worker() -> None:
    text = (await exposition(registry_of(2), Siblings(ALONE, echo(0)))).decode()
    assert "worker" not in text
    assert "level 0.5" in text
