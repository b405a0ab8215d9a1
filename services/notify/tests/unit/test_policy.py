import random

import pytest
from notify.errors import ConversationLost, Refused, RelayFault
from notify.queueing.policy import (
    BACK_OFF_S,
    MAX_ATTEMPTS,
    MAX_DOUBTFUL,
    State,
    after_error,
    back_off_s,
    before_attempt,
    may_go_elsewhere,
    speaks_against_relay,
    unsendable,
)

DICE = random.Random(7)


@pytest.mark.parametrize(
    ("error", "unanswered", "state", "then"),
    [
        (RelayFault("no route"), 0, State.QUEUED, 0),
        (RelayFault("no route"), 1, State.QUEUED, 1),
        (Refused(451, "later", at="MAIL"), 0, State.DEFERRED, 0),
        (Refused(550, "5.1.1 nobody", at="RCPT"), 0, State.FAILED, 0),
        (Refused(550, "5.1.1 nobody", at="RCPT"), 1, State.UNKNOWN, 1),
        (Refused(552, "too big", at="the message"), 0, State.FAILED, 0),
        (Refused(554, "5.7.1 relay access denied", at="RCPT"), 0, State.DEFERRED, 0),
        (Refused(550, "5.4.5 daily limit exceeded", at="the message"), 1, State.DEFERRED, 1),
        (ConversationLost("reset", after_dot=False), 0, State.DEFERRED, 0),
        (ConversationLost("reset", after_dot=False), 1, State.DEFERRED, 1),
        (ConversationLost("reset", after_dot=True), 0, State.DEFERRED, 1),
        (ConversationLost("reset", after_dot=True), 1, State.UNKNOWN, 2),
    ],
)
def test_what_an_error_leads_to(error: Exception, unanswered: int, state: State, then: int) -> None:
    outcome = after_error(error, attempts=1, unanswered=unanswered, dice=DICE)  # type: ignore[arg-type]
    assert (outcome.state, outcome.unanswered) == (state, then)


def test_only_a_fault_of_the_relay_costs_no_attempt() -> None:
    assert not after_error(RelayFault("x"), attempts=1, unanswered=0, dice=DICE).attempt_counts
    assert after_error(Refused(451, "x", at="RCPT"), attempts=1, unanswered=0, dice=DICE).attempt_counts


def test_a_refusal_in_doubt_stands_by_the_third_time() -> None:
    denied = Refused(554, "5.7.1 denied", at="RCPT")
    found = [after_error(denied, attempts=n + 4, unanswered=0, dice=DICE, doubts=n).state for n in range(MAX_DOUBTFUL)]
    assert found == [State.DEFERRED, State.DEFERRED, State.FAILED]


def test_while_a_relay_is_under_suspicion_others_go_ahead() -> None:
    outcome = after_error(RelayFault("x", in_doubt=True), attempts=9, unanswered=0, dice=DICE)
    assert (outcome.state, outcome.attempt_counts) == (State.QUEUED, False)
    assert outcome.delay_s > 0


@pytest.mark.parametrize(
    ("error", "elsewhere"),
    [
        (RelayFault("no route"), True),
        (Refused(554, "5.7.1 denied", at="RCPT"), True),
        (Refused(550, "5.1.1 nobody", at="RCPT"), False),
        (Refused(451, "later", at="RCPT"), False),
        (ConversationLost("reset", after_dot=False), True),
        (ConversationLost("reset", after_dot=True), False),
    ],
)
def test_what_another_relay_may_try_at_once(error: Exception, elsewhere: bool) -> None:
    assert may_go_elsewhere(error) is elsewhere  # type: ignore[arg-type]


def test_the_last_attempt_ends_in_failure_and_says_why() -> None:
    outcome = after_error(Refused(451, "later", at="RCPT"), attempts=MAX_ATTEMPTS, unanswered=0, dice=DICE)
    assert outcome.state is State.FAILED
    assert "451" in str(outcome.reason)


def test_pauses_grow_spread_and_stay_bounded() -> None:
    for attempts in range(1, 40):
        base = BACK_OFF_S[min(attempts, len(BACK_OFF_S)) - 1]
        assert 0.8 * base <= back_off_s(attempts, DICE) <= 1.2 * base
    assert len({back_off_s(1, DICE) for _ in range(10)}) == 10


def test_all_attempts_fit_into_the_two_days_of_a_confirmation() -> None:
    assert sum(1.2 * BACK_OFF_S[min(n, len(BACK_OFF_S)) - 1] for n in range(1, MAX_ATTEMPTS)) < 60 * 3600
    assert sum(BACK_OFF_S[min(n, len(BACK_OFF_S)) - 1] for n in range(1, MAX_ATTEMPTS)) < 48 * 3600


@pytest.mark.parametrize(
    ("attempts", "unanswered", "expired", "state"),
    [
        (1, 0, False, None),
        (2, 1, False, None),
        (MAX_ATTEMPTS, 0, False, None),
        (MAX_ATTEMPTS + 1, 0, False, State.FAILED),
        (1, 0, True, State.EXPIRED),
        (2, 1, True, State.UNKNOWN),
        (3, 2, False, State.UNKNOWN),
    ],
)
def test_whether_an_attempt_may_be_made(attempts: int, unanswered: int, expired: bool, state: State | None) -> None:
    outcome = before_attempt(attempts=attempts, unanswered=unanswered, expired=expired)
    assert (outcome and outcome.state) is state


def test_what_no_mail_can_be_made_of_fails_unless_an_earlier_try_may_have_arrived() -> None:
    assert unsendable("no address", 0).state is State.FAILED
    assert unsendable("no address", 1).state is State.UNKNOWN


@pytest.mark.parametrize("told", ["5.1.0 sender denied", "5.2.0 blocked by our list", "relay quota exceeded"])
def test_an_other_status_with_words_about_us_is_in_doubt(told: str) -> None:
    assert speaks_against_relay(Refused(552, told, at="the message"))
