"""What people write for a setting, read: each reader turns text into a value, or raises ValueError saying what is
allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

DEFAULT_ENGINE: Final = "unix:///var/run/docker.sock"
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_seconds(text: str) -> float:
    """Seconds from ``30``, ``30s``, ``5m``, ``2h``, ``1d`` or ``250ms``. Raises ValueError on anything else."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)?", text.strip())
    if not match:
        raise ValueError("a number of seconds, or a number with ms, s, m, h or d, such as 30s")
    return float(match[1]) * _UNITS[match[2] or "s"]


def duration(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        seconds = parse_seconds(text)
        if not least <= seconds <= most:
            raise ValueError(f"between {least:g} and {most:g} seconds")
        return seconds

    return read


def integer(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number between {least} and {most}")
        return int(text)

    return read


def choice(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def boolean(text: str) -> bool:
    words = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }
    if text.lower() not in words:
        raise ValueError("true or false")
    return words[text.lower()]


def path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("a path")
    return Path(text).expanduser()


def optional_path(text: str) -> Path | None:
    """An empty text is no path."""
    return path(text) if text else None


def host_names(text: str) -> tuple[str, ...]:
    """Without ports; an empty text is none."""
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    if not all(re.fullmatch(r"(?!-)[a-z0-9._-]{1,253}", name) for name in names):
        raise ValueError("names of hosts without ports, separated by commas, such as status.example.com")
    return names


def engine(text: str) -> str:
    if not re.fullmatch(r"unix:///[^\s\0]+|(tcp|http|https|ssh)://[^\s\0/]\S*", text):
        raise ValueError(f"a URL such as {DEFAULT_ENGINE} or tcp://host:2376")
    return text


def target(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?|", text):
        raise ValueError("as documents write it: letters, digits, dots, hyphens and underscores, at most 128")
    return text


def address(text: str) -> str:
    match = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):([0-9]{1,5})", text)
    if not match or int(match[1]) > 65535:
        raise ValueError("HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464")
    return text
