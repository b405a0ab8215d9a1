"""What goes wrong each second is not told each second."""

from structlog.testing import capture_logs

from orders.entrypoints.worker import TOLD_AGAIN_S, Troubles


def test_the_same_trouble_is_told_once_a_minute_and_another_at_once() -> None:
    now = [0.0]
    troubles = Troubles(lambda: now[0])

    def told(**errors: Exception) -> list[tuple[str, str]]:
        with capture_logs() as logs:
            troubles.tell(errors)
        return [(log["step"], str(log["exc_info"])) for log in logs]

    assert told(opening=KeyError("a")) == [("opening", "'a'")]
    now[0] = TOLD_AGAIN_S - 1
    assert told(opening=KeyError("a")) == []
    assert told(opening=KeyError("b"), closing=KeyError("a")) == [("opening", "'b'"), ("closing", "'a'")]
    assert told(opening=KeyError("b")) == []
    now[0] += TOLD_AGAIN_S
    assert told(opening=KeyError("b")) == [("opening", "'b'")]
