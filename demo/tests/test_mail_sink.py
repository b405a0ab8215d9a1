"""The mail server from outside, over SMTP, as a process of its own and inside this one."""

import json
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mercadito_demo.mail_sink import MAX_MESSAGE_BYTES, keep

MESSAGE = b"From: a@x.example\r\nTo: b@x.example\r\nSubject: Pedido 12\r\n\r\n.one dot\r\n\xc2\xa1Hola!\r\n"


class Sink:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mercadito_demo", "mail-sink"],
            env={**os.environ, "SMTP_PORT": "0", "MAIL_DIR": str(folder)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.listening = json.loads(self.process.stdout.readline())
        self.port: int = self.listening["port"]

    def send(self, message: bytes) -> dict[str, tuple[int, bytes]]:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as client:
            return client.sendmail("a@x.example", ["b@x.example", "c@x.example"], message)

    def kept(self) -> list[Path]:
        return sorted(self.folder.glob("*.eml"))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=10)
        finally:
            self.process.kill()
            if self.process.stdout:
                self.process.stdout.close()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    running = Sink(tmp_path / "mail")
    yield running
    running.stop()


def test_an_accepted_message_is_one_raw_file(sink: Sink) -> None:
    assert sink.send(MESSAGE) == {}
    [file] = sink.kept()
    assert file.read_bytes() == MESSAGE


def test_the_same_message_again_is_a_file_of_its_own(sink: Sink) -> None:
    sink.send(MESSAGE)
    sink.send(MESSAGE)
    assert len(sink.kept()) == 2
    assert list(sink.folder.glob(".*")) == []


def test_a_message_that_is_too_large_is_refused_and_leaves_nothing(sink: Sink) -> None:
    with pytest.raises(smtplib.SMTPException) as refused:
        sink.send(MESSAGE + b"x" * 70 + b"\r\n" * (MAX_MESSAGE_BYTES // 2))
    assert refused.value.args[0] == 552
    assert sink.kept() == []


def test_a_client_that_leaves_in_the_middle_leaves_nothing(sink: Sink) -> None:
    with socket.create_connection(("127.0.0.1", sink.port), timeout=10) as client, client.makefile("rb") as answers:
        for line in (b"HELO x", b"MAIL FROM:<a@x.example>", b"RCPT TO:<b@x.example>", b"DATA"):
            answers.readline()
            client.sendall(line + b"\r\n")
        assert answers.readline().startswith(b"354")
        client.sendall(b"Subject: half")
    sink.send(MESSAGE)
    assert len(sink.kept()) == 1


def test_a_folder_that_cannot_be_written_is_a_temporary_refusal(sink: Sink) -> None:
    sink.folder.rename(sink.folder.with_name("gone"))
    with pytest.raises(smtplib.SMTPDataError, match="451"):
        sink.send(MESSAGE)


def test_a_stop_is_clean_and_what_was_accepted_stays(sink: Sink) -> None:
    sink.send(MESSAGE)
    assert sink.stop() == 0
    assert len(sink.kept()) == 1


def test_a_half_written_message_of_a_crash_is_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / ".half.eml").write_bytes(b"Subject")
    running = Sink(tmp_path)
    try:
        assert list(tmp_path.iterdir()) == []
    finally:
        assert running.stop() == 0


def test_log_lines_name_no_address(tmp_path: Path) -> None:
    running = Sink(tmp_path)
    running.send(MESSAGE)
    running.process.send_signal(signal.SIGTERM)
    output = running.process.communicate(timeout=10)[0]
    assert [json.loads(line)["event"] for line in output.splitlines()] == ["mail_kept", "stopped"]
    assert "x.example" not in output


def test_names_are_unique_and_sort_by_time(tmp_path: Path) -> None:
    names = [keep(tmp_path, b"x").name for _ in range(50)]
    assert len(set(names)) == 50
    assert all(re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{32}\.eml", name) for name in names)
    assert [name[:22] for name in names] == sorted(name[:22] for name in names)
