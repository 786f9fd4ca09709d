"""Which version of the engine's API is spoken.

Decides from what the engine tells of itself; asking is ``connection``'s. The range is what the translations
know: from Engine 20.10 on, and not beyond the version of the newest engine that everything is tested on, because
newer versions drop fields. Newer engines speak the older versions too: Engine 29 from 1.44 on.
Source: https://docs.docker.com/reference/api/engine/version/v1.45/#tag/System/operation/SystemVersion
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.engine.failures import printable
from reconciler.errors import EngineUnsupported

Version = tuple[int, int]

OLDEST_API: Version = (1, 41)
NEWEST_API: Version = (1, 45)

_NO_ENGINE = "check what listens there; it has to be a Docker engine, 20.10 or newer"


def common_version(told: object, *, at: str) -> Version:
    """The newest version both sides speak. ``told`` is the answer to ``/version``, ``at`` names the engine.

    Raises EngineUnsupported.
    """
    if not isinstance(told, Mapping):
        raise EngineUnsupported(f"{at} tells its version in a form that no engine has", hint=_NO_ENGINE)
    newest, oldest = _version(told.get("ApiVersion")), _version(told.get("MinAPIVersion"))
    if newest is None:
        raise EngineUnsupported(f"{at} does not tell which version of the engine's API it speaks", hint=_NO_ENGINE)
    name = f"{at} (Docker {printable(str(told.get('Version') or 'of unknown version'))})"
    if newest < OLDEST_API:
        raise EngineUnsupported(
            f"{name} speaks API {text(newest)}; this reconciler needs {text(OLDEST_API)} or newer",
            hint="install Docker Engine 20.10 or newer",
        )
    if oldest is not None and oldest > NEWEST_API:
        raise EngineUnsupported(
            f"{name} speaks API {text(oldest)} or newer only; this reconciler speaks {text(OLDEST_API)} to "
            f"{text(NEWEST_API)}",
            hint="install a newer reconciler, or give the engine an older DOCKER_MIN_API_VERSION",
        )
    return min(newest, NEWEST_API)


def text(version: Version) -> str:
    """``1.41``."""
    return f"{version[0]}.{version[1]}"


def _version(words: object) -> Version | None:
    """None for what is missing or no version."""
    major, _, minor = str(words or "").partition(".")
    return (int(major), int(minor)) if _is_number(major) and _is_number(minor) else None


def _is_number(word: str) -> bool:
    """Of a length that versions have: Python refuses to read numbers of thousands of digits."""
    return word.isascii() and word.isdecimal() and len(word) <= 6
