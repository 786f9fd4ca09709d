from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.spec import quantities
from reconciler.spec.problem import Wrong


@pytest.mark.parametrize(
    ("written", "count"),
    [("256Mi", 256 * 2**20), ("1Gi", 2**30), ("512M", 512_000_000), ("3K", 3000), ("2Ki", 2048), ("1T", 10**12)],
)
def test_sizes_are_exact(written: str, count: int) -> None:
    assert quantities.size(written) == count
    assert quantities.size(count) == count
    assert quantities.size(str(count)) == count


@given(st.integers(1, 2**60))
def test_a_size_is_read_as_it_is_written(count: int) -> None:
    assert quantities.size(quantities.size_text(count)) == count


@given(st.integers(0, quantities.MAX_DURATION_MS))
def test_a_duration_is_read_as_it_is_written(milliseconds: int) -> None:
    assert quantities.duration(quantities.duration_text(milliseconds)) == milliseconds


@given(st.decimals(min_value=Decimal("0.01"), max_value=4096, places=9))
def test_cpus_are_exact_to_the_last_decimal(cpus: Decimal) -> None:
    assert quantities.nano_cpus(str(cpus)) == int(cpus.scaleb(9))


@given(st.integers(1, 4096), st.sampled_from([0, 1, 5, 25, 125, 75]))
def test_numbers_and_texts_give_the_same_cpus(whole: int, thousandths: int) -> None:
    number = whole + thousandths / 1000
    if number <= 4096:
        assert quantities.nano_cpus(number) == quantities.nano_cpus(str(number))


def test_durations_add_up_their_parts() -> None:
    assert quantities.duration("1h1m30s250ms") == 3_690_250
    assert quantities.duration("0s") == 0
    assert quantities.whole_seconds("1m30s") == 90


@pytest.mark.parametrize(
    ("written", "epoch"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-12-01T00:00:00Z", 1796083200.0),
        ("2026-12-01T01:00:00+01:00", 1796083200.0),
        ("2026-12-01 00:00:00.5Z", 1796083200.5),
    ],
)
def test_times_are_seconds_since_the_epoch(written: str, epoch: float) -> None:
    assert quantities.timestamp(written) == epoch


@pytest.mark.parametrize(
    ("reader", "written", "said"),
    [
        (quantities.size, "256MB", 'did you mean "256M"?'),
        (quantities.size, "256MiB", 'did you mean "256Mi"?'),
        (quantities.size, "1g", 'did you mean "1G"?'),
        (quantities.size, "1.5Gi", 'did you mean "1536Mi"?'),
        (quantities.size, "256 Mi", 'did you mean "256Mi"?'),
        (quantities.size, "0.1Ki", "is not a size; allowed: a number of bytes"),
        (quantities.size, "xMi", "is not a size; allowed: a number of bytes"),
        (quantities.size, "-1", "is not a size"),
        (quantities.size, "lots", "is not a size"),
        (quantities.size, "0", "out of range"),
        (quantities.size, "9999999Ti", "out of range"),
        (quantities.size, "1" * 30, "is not a size"),
        (quantities.memory, "256", 'allowed: 6Mi or more; did you mean "256Mi"?'),
        (quantities.memory, "4Mi", "below the least memory limit of the engine; allowed: 6Mi or more"),
        (quantities.duration, "5", 'did you mean "5s"?'),
        (quantities.duration, "5 min", 'did you mean "5m"?'),
        (quantities.duration, "250 milliseconds", 'did you mean "250ms"?'),
        (quantities.duration, "2hours", 'did you mean "2h"?'),
        (quantities.duration, "", "is not a duration"),
        (quantities.duration, "1.5s", "is not a duration"),
        (quantities.duration, "-5s", "is not a duration"),
        (quantities.duration, "5s ", "is not a duration"),
        (quantities.duration, "30s1m", "larger ones first"),
        (quantities.duration, "1s1s", "each unit once"),
        (quantities.duration, "9999999h", "longer than a year"),
        (quantities.positive_duration, "0s", "longer than nothing"),
        (quantities.whole_seconds, "1500ms", "not a whole number of seconds"),
        (quantities.nano_cpus, "many", "is not a number of CPUs"),
        (quantities.nano_cpus, "0.009", "out of range"),
        (quantities.nano_cpus, "4097", "out of range"),
        (quantities.nano_cpus, "1.0000000001", "more than 9 decimals"),
        (quantities.timestamp, "tomorrow", "is not a time"),
        (quantities.timestamp, "2026-12-01T00:00:00", "has no zone"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_is_allowed(
    reader: Callable[[str], object], written: str, said: str
) -> None:
    with pytest.raises(Wrong) as caught:
        reader(written)
    assert said in str(caught.value)


def test_the_least_memory_is_allowed() -> None:
    assert quantities.memory("6Mi") == 6 * 2**20
    assert quantities.positive_duration("1ms") == 1
