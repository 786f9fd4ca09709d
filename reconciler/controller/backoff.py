"""Backoff: how long to wait after n failures in a row.

Pure: chance is handed in as a number. Doubling keeps a broken document from eating the host, the cap keeps a
mended one from waiting long, the jitter keeps many documents (and many hosts) from trying in step.
"""

from __future__ import annotations

FIRST_S = 1.0
LONGEST_S = 300.0
_DOUBLINGS = 9  # 2**9 s is past the cap; a larger exponent could overflow


def backoff_delay(failures: int, chance: float) -> float:
    """Seconds to wait: 1 s doubling to 300 s, of which the upper half is left to ``chance`` (0..1).

    No failure, no wait.
    """
    if failures < 1:
        return 0.0
    longest = min(FIRST_S * 2.0 ** min(failures - 1, _DOUBLINGS), LONGEST_S)
    return longest * (1.0 + chance) / 2.0
