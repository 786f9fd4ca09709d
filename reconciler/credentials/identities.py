"""The identity of this host: a file with the age keys that open what was encrypted for it.

Decides when such a file is trusted: a regular file of root's or of whoever runs this program, that nobody else can
read. Read when something is to be opened, and again when the file has changed; no restart is needed. Several keys
are fine: a key is changed by having the old and the new one for a time. A host without the file can do everything
but open; what is missing is told then.

Invariants: a value that was opened is not kept, and no error tells one, or a key.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.core.secret import Secret
from reconciler.errors import SecretSealed
from reconciler.host_file import ANYTHING, Untrusted, read_trusted

if TYPE_CHECKING:
    from reconciler.credentials.age import AgeKey

LIMIT: Final = 64 * 1024
Mark = tuple[int, ...]


class Identities:
    """``path``: the file, which may be missing. Safe to use from many threads."""

    def __init__(self, path: Path, *, uid: Callable[[], int] = os.geteuid) -> None:
        self.path = path.absolute()
        self._uid = uid
        self._lock = threading.Lock()
        self._mark: Mark | None = None
        self._keys: tuple[AgeKey, ...] = ()

    def state(self) -> Mark:
        """Another one when the file is: whoever could not open something may try again then. One system call."""
        try:
            found = self.path.stat()
        except OSError as error:
            return (error.errno or 0,)
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def open(self, sealed: str | bytes) -> Secret:
        """The value of an age text, armored or not. Raises SecretSealed, which says what to do but not what it is
        about: the caller knows (``error.about``).
        """
        from reconciler.credentials import age  # noqa: PLC0415  (most commands open nothing)

        keys = self._current()
        try:
            return age.open_sealed(sealed.encode() if isinstance(sealed, str) else sealed, keys)
        except age.NotForUs:
            own = " or ".join(age.public_keys(keys)) or "its public key"
            raise SecretSealed(
                f"is encrypted for others: no key in {self.path} opens it",
                hint=f"encrypt it for this host, {own}, with 'reconciler secret encrypt' or 'secret rotate'",
            ) from None
        except age.Damaged:
            raise SecretSealed(
                "is no age text, or was changed after it was encrypted",
                hint=f"it goes from {age.BEGIN} to {age.END}; encrypt it anew with 'reconciler secret encrypt'",
            ) from None

    def recipients(self) -> tuple[str, ...]:
        """The public keys of the age keys in the file. Raises SecretSealed when it cannot be used."""
        from reconciler.credentials import age  # noqa: PLC0415

        return age.public_keys(self._current())

    def _current(self) -> tuple[AgeKey, ...]:
        with self._lock:
            mark = self.state()
            if mark != self._mark or not self._keys:
                self._keys = ()  # of a file that cannot be used now, the former keys do not count either
                self._keys, self._mark = self._read(), mark
            return self._keys

    def _read(self) -> tuple[AgeKey, ...]:
        from reconciler.credentials import age  # noqa: PLC0415

        try:
            content = read_trusted(self.path, forbidden=ANYTHING, limit=LIMIT, uid=self._uid())
        except FileNotFoundError:
            raise SecretSealed(
                f"this host has no identity: {self.path} is not there",
                hint=f"put its copy back, or make a new one with 'reconciler secret keygen -o {self.path}': "
                "another key opens none of the secrets that are there; a file elsewhere is named with --identity",
            ) from None
        except Untrusted as error:
            raise SecretSealed(f"the identity {error}", hint=error.hint) from error
        try:
            return age.read_keys(_text(content))
        except ValueError as error:
            raise SecretSealed(
                f"the identity {self.path} {error}", hint="'reconciler secret keygen' makes one"
            ) from None


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("is no text") from None
