"""Sizes, durations, CPUs and times, read exactly: integers out, no floats on the way.

Units: sizes in bytes (``Ki`` is 1024, ``K`` is 1000), durations in milliseconds, CPUs in nano-CPUs, times in
seconds since the epoch. All raise ``Wrong`` with a message that says what is allowed.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

from reconciler.spec.problem import Wrong

KI, KILO = 1024, 1000
UNITS = {
    "": 1,
    "Ki": KI,
    "Mi": KI**2,
    "Gi": KI**3,
    "Ti": KI**4,
    "K": KILO,
    "M": KILO**2,
    "G": KILO**3,
    "T": KILO**4,
}
MAX_BYTES = 2**60
MIN_MEMORY_BYTES = 6 * KI**2
"""The engine refuses containers with less (moby ``daemon/daemon_unix.go``, linuxMinMemory)."""

MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
MAX_DURATION_MS = 366 * 24 * 3_600_000
MIN_NANO_CPUS = 10_000_000
"""The engine's smallest share is 0.01 CPUs (moby ``daemon/daemon_unix.go``)."""

MAX_CPUS = 4096

_SIZE = re.compile(r"([0-9]{1,19})([KMGT]i?)?")
_DURATION = re.compile(r"([0-9]{1,15})(ms|s|m|h)")
_WORDED = re.compile(r"([0-9]{1,15}) *(|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|ms|msecs?|milliseconds?)")
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_MISTAKEN_UNITS = {
    "k": "K",
    "m": "M",
    "g": "G",
    "kb": "K",
    "mb": "M",
    "gb": "G",
    "kib": "Ki",
    "mib": "Mi",
    "gib": "Gi",
}


def size(value: str | int) -> int:
    """``256Mi``, ``512M`` or a number of bytes, as bytes."""
    match = _SIZE.fullmatch(str(value))
    if match is None:
        raise Wrong(f'"{value}" is not a size; allowed: {_size_hint(str(value))}')
    count = int(match[1]) * UNITS[match[2] or ""]
    if not 0 < count <= MAX_BYTES:
        raise Wrong(f'"{value}" is out of range; allowed: 1 byte to {MAX_BYTES // KI**4}Ti')
    return count


def memory(value: str | int) -> int:
    """A size that the engine accepts as memory limit."""
    count = size(value)
    if count < MIN_MEMORY_BYTES:
        meant = f'; did you mean "{value}Mi"?' if str(value).isdigit() else ""
        raise Wrong(f'"{value}" is below the least memory limit of the engine; allowed: 6Mi or more{meant}')
    return count


def size_text(count: int) -> str:
    """The shortest exact way to write ``count`` bytes."""
    for unit, factor in sorted(UNITS.items(), key=lambda item: -item[1]):
        if count % factor == 0:
            return f"{count // factor}{unit}"
    raise AssertionError("every count divides by one")  # pragma: no cover


def duration(value: str) -> int:
    """``5s``, ``1m30s``, ``250ms`` as milliseconds. Each unit at most once, larger ones first."""
    parts = _DURATION.findall(value)
    units = [unit for _, unit in parts]
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise Wrong(f'"{value}" is not a duration; allowed: {_duration_hint(value)}')
    if units != [unit for unit in MILLISECONDS if unit in units]:
        raise Wrong(f'"{value}" is not a duration; write each unit once, larger ones first')
    total = sum(int(number) * MILLISECONDS[unit] for number, unit in parts)
    if total > MAX_DURATION_MS:
        raise Wrong(f'"{value}" is longer than a year')
    return total


def positive_duration(value: str) -> int:
    """A duration of at least a millisecond."""
    if (total := duration(value)) == 0:
        raise Wrong("must be longer than nothing; leave it out for the default")
    return total


def duration_text(milliseconds: int) -> str:
    """The canonical way to write a duration."""
    text = ""
    for unit, factor in MILLISECONDS.items():
        count, milliseconds = divmod(milliseconds, factor)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def whole_seconds(value: str) -> int:
    """A duration that is a whole number of seconds, as seconds."""
    seconds, rest = divmod(duration(value), 1_000)
    if rest:
        raise Wrong(f'"{value}" is not a whole number of seconds')
    return seconds


def nano_cpus(value: str | float) -> int:
    """``1.5`` CPUs as 1 500 000 000 nano-CPUs, exactly."""
    try:
        exact = Decimal(str(value)) * 1_000_000_000
    except InvalidOperation:
        raise Wrong(f'"{value}" is not a number of CPUs; allowed: a decimal number such as 1.5') from None
    if not MIN_NANO_CPUS <= exact <= MAX_CPUS * 1_000_000_000:
        raise Wrong(f'"{value}" is out of range; allowed: 0.01 to {MAX_CPUS} CPUs')
    if exact != exact.to_integral_value():
        raise Wrong(f'"{value}" has more than 9 decimals')
    return int(exact)


def timestamp(value: str) -> float:
    """An RFC 3339 time with its zone, as seconds since the epoch."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Wrong(f'"{value}" is not a time; allowed: such as 2026-12-01T00:00:00Z') from None
    if moment.tzinfo is None:
        raise Wrong(f'"{value}" has no zone; end it with Z or an offset such as +01:00')
    return moment.timestamp()


def _size_hint(value: str) -> str:
    number = value.rstrip("KMGTkmgtiIbB")
    unit = value[len(number) :]
    meant = unit if unit in UNITS else _MISTAKEN_UNITS.get(unit.lower(), "")
    hint = "a number of bytes, or a whole number with Ki, Mi, Gi, Ti, K, M, G or T"
    written = _whole_size(number, meant) if meant else ""
    return f'{hint}; did you mean "{written}"?' if written else hint


def _whole_size(number: str, unit: str) -> str:
    """``1.5`` with ``Gi`` as ``1536Mi``; "" where there is no whole number of bytes."""
    if not _DECIMAL.fullmatch(number.strip()):
        return ""
    exact = Decimal(number.strip()) * UNITS[unit]
    if exact != exact.to_integral_value() or not exact:
        return ""
    return size_text(int(exact)) if "." in number else f"{number.strip()}{unit}"


def _duration_hint(value: str) -> str:
    """A number alone is most likely of seconds."""
    hint = "whole numbers with h, m, s or ms, such as 1m30s"
    match = _WORDED.fullmatch(value)
    unit = "ms" if match and match[2].startswith(("ms", "mil")) else match[2][:1] if match else ""
    return f'{hint}; did you mean "{match[1]}{unit or "s"}"?' if match else hint
