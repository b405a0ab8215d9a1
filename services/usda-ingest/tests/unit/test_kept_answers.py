import pytest
from usda_ingest.api import kept_answers
from usda_ingest.api.kept_answers import KeptAnswers


def test_only_an_answer_that_is_still_true_is_given() -> None:
    kept = KeptAnswers()
    kept.keep("/a", "1", b"one")
    assert kept.get("/a", "1") == b"one"
    assert kept.get("/a", "2") is None
    assert kept.get("/b", "1") is None
    kept.keep("/a", "2", b"two")
    assert (kept.get("/a", "1"), kept.get("/a", "2")) == (None, b"two")


def test_the_one_unused_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "MAX_ANSWERS", 2)
    kept = KeptAnswers()
    kept.keep("/a", "1", b"a")
    kept.keep("/b", "1", b"b")
    assert kept.get("/a", "1") == b"a"
    kept.keep("/c", "1", b"c")
    assert [kept.get(address, "1") for address in ("/a", "/b", "/c")] == [b"a", None, b"c"]


def test_never_more_bytes_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "MAX_BYTES", 10)
    monkeypatch.setattr(kept_answers, "MAX_ANSWER_BYTES", 6)
    kept = KeptAnswers()
    for _ in range(3):  # replacing counts once
        kept.keep("/a", "1", b"12345")
    kept.keep("/b", "1", b"12345")
    assert kept.get("/a", "1") == kept.get("/b", "1") == b"12345"
    kept.keep("/c", "1", b"1")
    assert [kept.get(address, "1") for address in ("/a", "/b", "/c")] == [None, b"12345", b"1"]


def test_an_answer_that_is_too_large_is_not_kept_nor_what_it_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "MAX_ANSWER_BYTES", 6)
    kept = KeptAnswers()
    kept.keep("/a", "1", b"small")
    kept.keep("/a", "2", b"too large")
    assert (kept.get("/a", "1"), kept.get("/a", "2")) == (None, None)
