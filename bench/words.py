"""Numbers as people read them: three figures, a unit that fits. Pure."""

from __future__ import annotations

from bench.model import Unit


def amount(value: float, unit: Unit) -> str:
    """Such as ``2.41 ms``, ``1.23 s``, ``44.1 MB``."""
    if unit == "MB":
        return f"{value:.1f} MB"
    if value < 0.1:
        return f"{_three(value * 1000)} ms"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _three(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def times(ratio: float | None) -> str:
    """Such as ``1.08x``, ``14x``; "" for none."""
    if ratio is None:
        return ""
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x"


def goal(target: float | None, limit: float | None, unit: Unit) -> str:
    """What is aimed at: ``<= 1.5x``, ``<= 45.0 MB``, both, or ""."""
    ratio = [] if target is None else [f"<= {target:g}x"]
    plain = [] if limit is None else [f"<= {amount(limit, unit)}"]
    return ", ".join([*ratio, *plain])


def verdict(met: bool | None) -> str:  # noqa: FBT001  (three words for three values)
    """``met``, ``missed``, or "" where nothing is aimed at."""
    return "" if met is None else "met" if met else "missed"
