from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.controller.backoff import backoff_delay

FAILURES = st.integers(1, 10**9)
CHANCES = st.floats(0, 1)


def test_without_a_failure_there_is_no_wait() -> None:
    assert backoff_delay(0, 0.5) == 0.0
    assert backoff_delay(-1, 1.0) == 0.0


def test_the_longest_wait_doubles_from_one_second_to_five_minutes() -> None:
    assert [backoff_delay(n, 1.0) for n in range(1, 12)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@given(FAILURES, CHANCES)
def test_chance_moves_the_wait_in_its_upper_half_only(failures: int, chance: float) -> None:
    longest = backoff_delay(failures, 1.0)
    assert longest / 2 <= backoff_delay(failures, chance) <= longest <= 300.0
    assert backoff_delay(failures, 0.0) == longest / 2


@given(FAILURES, CHANCES)
def test_one_more_failure_never_shortens_the_wait(failures: int, chance: float) -> None:
    assert backoff_delay(failures + 1, chance) >= backoff_delay(failures, chance)


@given(FAILURES, CHANCES, CHANCES)
def test_more_chance_never_shortens_the_wait(failures: int, one: float, other: float) -> None:
    assert backoff_delay(failures, max(one, other)) >= backoff_delay(failures, min(one, other))
