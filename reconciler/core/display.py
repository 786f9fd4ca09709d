"""Values as people write them in documents, with secrets masked: ``256Mi``, ``1.5``, ``5s``, ``***``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

MASK = "***"
SHORTEST_SECRET = 4
"""Characters; to take shorter values out of texts would mangle them and hide nothing."""

_SECRET_NAME = re.compile(r"pass|pwd|secret|token|credential|private|api_?key|[_-]key$|auth|dsn", re.IGNORECASE)
_AFTER_SCHEME = re.compile(r"(?<=://)\S+")
_OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z][\w.-]*)(?:=(\S+))?")
UNITS = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


def shown(attribute: str, value: Any) -> str:
    """One value of a container's field, by the attribute's unit (``*_bytes``, ``*_ms``, ``nano_cpus``)."""
    if value is None or value in ("", (), {}):
        return "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return _number(attribute, value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_items(value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {masked(key, shown('', value[key]))}" for key in sorted(value)) + "}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return without_credentials(text)


def _items(values: Sequence[Any]) -> Iterator[str]:
    """Each value; of a command's arguments, none that belongs to an option whose name looks like a secret's."""
    for before, value in zip((None, *values), values, strict=False):
        option = _OPTION.fullmatch(before) if isinstance(before, str) else None
        name, given, _ = value.partition("=") if isinstance(value, str) else ("", "", "")
        if given and _OPTION.fullmatch(name) and looks_secret(name):
            yield f"{name}={MASK}"
        else:
            yield masked(option[1] if option and not option[2] else "", shown("", value))


def _number(attribute: str, value: int) -> str:
    if attribute.endswith("_bytes"):
        return as_bytes(value)
    if attribute.endswith("_ms"):
        return as_duration(value)
    if attribute == "nano_cpus":
        return f"{value / 1_000_000_000:g}" if value else "none"
    return str(value)


def as_bytes(value: int) -> str:
    """``268435456`` as ``256Mi``; 0 (no limit) as ``none``; what has no round unit stays bytes."""
    if value <= 0:
        return "none" if value == 0 else "unlimited"
    return next((f"{value // size}{unit}" for unit, size in UNITS if value % size == 0), str(value))


def as_duration(value_ms: int) -> str:
    """``90000`` as ``1m30s``; below a second in ``ms``."""
    if value_ms % 1000:
        return f"{value_ms}ms"
    minutes, seconds = divmod(value_ms // 1000, 60)
    return f"{minutes}m" * bool(minutes) + f"{seconds}s" * bool(seconds or not minutes)


def looks_secret(name: str) -> bool:
    """Whether ``name`` looks like that of a secret."""
    return _SECRET_NAME.search(name) is not None


def masked(name: str, text: str) -> str:
    """``text``, or a mask where ``name`` looks like that of a secret."""
    return MASK if looks_secret(name) else text


def without_credentials(text: str) -> str:
    """``text`` with the credentials of its URLs masked, and what ``--option=`` is given that looks secret by name.

    People write passwords with "@" and "/" that should be escaped (RFC 3986, 3.2.1), so what is masked reaches
    up to the last "@" before a space: rather too much than half a password.
    """
    return _OPTION.sub(_option_alone, _AFTER_SCHEME.sub(_host_only, text))


def _host_only(found: re.Match[str]) -> str:
    credentials, at, rest = found[0].rpartition("@")
    return MASK + at + rest if credentials else found[0]


def _option_alone(found: re.Match[str]) -> str:
    name, value = found.groups()
    return found[0] if value is None else f"{name}={masked(name, value)}"


def secret_values(environment: Mapping[str, str]) -> tuple[str, ...]:
    """What must not be shown of an environment: values of secret-looking variables, each of their lines alone."""
    lines = (
        line.strip() for name, value in environment.items() if looks_secret(name) for line in value.splitlines()
    )
    return tuple(sorted({line for line in lines if len(line) >= SHORTEST_SECRET}))


def without(text: str, secrets: Iterable[str], *, mask: str = MASK) -> str:
    """``text`` with each of ``secrets`` masked; where one begins another, the longer one."""
    words = sorted(secrets, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, words)), lambda _: mask, text) if words else text


def printable(text: str) -> str:
    r"""``text`` with control characters other than line ends and tabs shown as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
