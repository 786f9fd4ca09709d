"""Secret: a value that never prints. Whoever needs it says ``reveal``; everybody else sees a placeholder. Pure.

It survives no copy that could leave the process: it cannot be pickled, and no serialiser of ours knows it.
"""

from __future__ import annotations

import hmac
from typing import Final, NoReturn

PLACEHOLDER: Final = "[secret]"


class Secret:
    """Bytes that must not be shown. Equal when the bytes are, compared in constant time; not hashable."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # a hash of the value would tell of it

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The value itself. For the one call that needs it; never kept, never formatted."""
        return self._value

    def text(self) -> str:
        """The value as text. Raises ValueError where it is not UTF-8, without showing it."""
        try:
            return self._value.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError("the secret is not UTF-8") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return PLACEHOLDER

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(PLACEHOLDER, spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not copied out of its process")
