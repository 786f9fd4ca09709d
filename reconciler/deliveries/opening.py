"""Opens what is sealed, and remembers whether it can be opened, never what it says.

Of an opened value a digest stays, made with a key that nobody else has and that ends with the process: enough to
see that a file still holds it, useless for guessing it. What could not be opened is tried again when the identity
is another one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Hashable

from reconciler.core.delivery import Delivery, SealedVariable
from reconciler.core.secret import Secret
from reconciler.errors import SecretSealed

Sealed = Delivery | SealedVariable


class Opening:
    """``open_sealed`` raises SecretSealed; ``identity`` tells another mark when the keys of this host are others.
    Used by several threads: each entry is written at once.
    """

    def __init__(self, open_sealed: Callable[[str], Secret], identity: Callable[[], Hashable]) -> None:
        self._open_sealed = open_sealed
        self._identity = identity
        self._key = secrets.token_bytes(32)
        self._digests: dict[str, bytes] = {}
        self._tried: dict[str, tuple[Hashable, str]] = {}
        self.opened = 0
        """How often something was opened, ever."""

    def value(self, item: Sealed) -> Secret:
        """The opened value. Raises SecretSealed, naming the secret."""
        try:
            return self._value(item)
        except SecretSealed as error:
            error.about(f"secret {item.name}")
            raise

    def why_not(self, item: Sealed) -> str:
        """Why it cannot be opened with the keys of now; "" where it can."""
        mark = self._identity()
        tried = self._tried.get(item.version)
        if tried is None or tried[0] != mark:
            try:
                self._value(item)
            except SecretSealed as error:
                tried = mark, str(error)
            else:
                tried = mark, ""
            self._tried[item.version] = tried
        return tried[1]

    def fits(self, item: Sealed, content: bytes) -> bool | None:
        """Whether this is the value; None where nobody can tell, because it cannot be opened."""
        known = self._digests.get(item.version)
        if known is None and self.why_not(item):
            return None
        return hmac.compare_digest(self._digests[item.version], self._digest(content))

    def _value(self, item: Sealed) -> Secret:
        value = self._open_sealed(item.sealed)
        self.opened += 1
        if isinstance(item, SealedVariable):
            _refuse_binary(value)
        self._digests[item.version] = self._digest(value.reveal())
        return value

    def _digest(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)


def _refuse_binary(value: Secret) -> None:
    """Environments are texts that end with a NUL."""
    try:
        text = value.text()
    except ValueError:
        text = "\0"
    if "\0" in text:
        raise SecretSealed("cannot be a variable: it is no text", hint="use mountPath, which makes it a file")
