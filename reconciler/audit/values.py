"""What may stand in the log: texts without secrets, bounded, in Unicode. Pure.

A value that looks like a secret is replaced by an HMAC with a key of this installation: whoever knows a value can
look for it, and see that two lines speak of the same; nobody can read it (the way of Vault's audit devices).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.core.display import SHORTEST_SECRET, looks_secret, without_credentials

LONGEST_TEXT: Final = 1000
"""Characters; more of an error's or a container's words stands in the history."""

_ASSIGNED = re.compile(r"""(?<![\w.-])(?P<name>[\w.-]+)["']?\s*[=:]\s*["']?(?=[^\s"',;})\]])""")
_VALUE = re.compile(r"""[^\s"',;})\]]+""")
_AGE_KEY = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]+", re.IGNORECASE)
_BEARER = re.compile(r"(?P<scheme>\b(?:bearer|basic)\s+)(?P<value>[\w.~+/=-]{8,})", re.IGNORECASE)


class Masker:
    """``key`` is this installation's own."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def tag(self, value: str) -> str:
        """What stands in the place of a value: the same for the same value, here."""
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"hmac:{digest[:32]}"

    def text(self, text: str, sensitive: Iterable[str] = ()) -> str:
        """A text as it may stand in the log; ``sensitive`` are values known to be secret."""
        known = sorted({item for item in sensitive if len(item) >= SHORTEST_SECRET}, key=len, reverse=True)
        if known:
            text = re.sub("|".join(map(re.escape, known)), lambda found: self.tag(found[0]), text)
        text = _AGE_KEY.sub(lambda found: self.tag(found[0]), without_credentials(text))
        text = _BEARER.sub(lambda found: found["scheme"] + self.tag(found["value"]), text)
        return _bounded("".join(self._assigned(text)))

    def _assigned(self, text: str) -> Iterator[str]:
        """``NAME=value`` and ``name: value``, where the name looks like that of a secret, without its value. The
        value of any other name may itself be such a pair.
        """
        told = 0
        while (found := _ASSIGNED.search(text, told)) is not None:
            yield text[told : found.end()]
            told = found.end()
            value = _VALUE.match(text, told) if looks_secret(found["name"]) else None
            if value is not None and not value[0].startswith(("hmac:", "***")):
                yield self.tag(value[0])
                told = value.end()
        yield text[told:]


def _bounded(text: str) -> str:
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return clean if len(clean) <= LONGEST_TEXT else clean[: LONGEST_TEXT - 1] + "…"
