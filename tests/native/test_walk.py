"""When the acceptance walk may be walked once more: where nothing failed but a machine's pace."""

import pytest

from tests.driver.walk import was_only_slow

HELD = "ok   sign in\nFAIL restart of orders under load: Failed: 0 of 85 failed: []\n1 steps failed\n"


@pytest.mark.parametrize(
    ("said", "is_slow"),
    [
        (HELD, True),
        (HELD.replace("0 of 85 failed: []", "1 of 85 failed: [503]"), False),
        (HELD + "FAIL confirmation mail: Failed: none came\n", False),
        ("FAIL restart of orders under load: Failed: no answer carries X-Held-Ms: nothing was held\n", False),
        ("all held\n", False),
        ("", False),
    ],
)
def test_only_too_few_answers_of_a_slow_start_are_no_failure(said: str, *, is_slow: bool) -> None:
    assert was_only_slow(said) is is_slow
