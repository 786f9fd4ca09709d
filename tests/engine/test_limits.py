"""Which limits an engine can change on a live container."""

from __future__ import annotations

import pytest

from reconciler.core.action import ContainerRef, UpdateLimits
from reconciler.engine.limits import blocked_by_quota, unliftable, update_body


def limits(**values: int) -> UpdateLimits:
    return UpdateLimits(document="web", cause="test", container=ContainerRef("web"), **values)


def test_only_what_is_named_is_changed() -> None:
    assert update_body(limits(), swap_limit=True) == {}
    assert update_body(limits(nano_cpus=5, pids_limit=7), swap_limit=True) == {"NanoCpus": 5, "PidsLimit": 7}


def test_memory_and_swap_are_changed_together() -> None:
    wanted = limits(memory_bytes=9, memory_swap_bytes=9)
    assert update_body(wanted, swap_limit=True) == {"Memory": 9, "MemorySwap": 9}
    assert update_body(wanted, swap_limit=False) == {"Memory": 9}


def test_a_process_limit_is_lifted_with_zero() -> None:
    assert update_body(limits(pids_limit=0), swap_limit=True) == {"PidsLimit": 0}


@pytest.mark.parametrize(
    ("wanted", "host", "names"),
    [
        (limits(memory_bytes=0), {"Memory": 9}, ("memory",)),
        (limits(memory_bytes=0, nano_cpus=0), {"Memory": 9, "NanoCpus": 9}, ("memory", "CPU")),
        (limits(memory_bytes=0), {"Memory": 0}, ()),
        (limits(nano_cpus=0), {"NanoCpus": 0, "CpuQuota": 50_000}, ()),
        (limits(memory_bytes=8), {"Memory": 9}, ()),
    ],
)
def test_memory_and_cpu_limits_cannot_be_lifted(
    wanted: UpdateLimits, host: dict[str, int], names: tuple[str, ...]
) -> None:
    assert unliftable(wanted, host) == names


def test_a_quota_set_by_hand_is_in_the_way_of_a_cpu_limit_only() -> None:
    assert blocked_by_quota(limits(nano_cpus=0), {"CpuQuota": 50_000})
    assert not blocked_by_quota(limits(nano_cpus=5), {"CpuQuota": -1})
    assert not blocked_by_quota(limits(memory_bytes=5), {"CpuQuota": 50_000})
