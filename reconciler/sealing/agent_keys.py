"""The keys by which an agent opens what is sealed to it, where they lie: encrypted with its data key.

A new key is stored before its public half is told to anybody, and the former ones stay until nothing can come any
more that was sealed to them. So a kill at any point loses none that somebody has sealed to.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reconciler import strict_json
from reconciler.atomic import write_file
from reconciler.core.secret import Secret
from reconciler.errors import SecretSealed, StateDamaged
from reconciler.host_file import ANYTHING, Untrusted, read_trusted
from reconciler.sealing.binding import Binding
from reconciler.sealing.boxes import SealedCredentials, key_id, new_key, open_sealed, public_of
from reconciler.sealing.data_keys import Keys

LIMIT: Final = 64 * 1024
KEPT: Final = 3
"""Keys, the newest with it; tasks live for much less time than two changes of key apart."""

PURPOSE: Final = "an agent's sealing keys"


class AgentKeys:
    """``path``: the file; ``data_keys``: what it is encrypted with."""

    def __init__(self, path: Path, data_keys: Keys) -> None:
        self.path = path
        self._data_keys = data_keys

    def public(self) -> bytes:
        """What others seal with: the newest key's public half; a key is made where there is none."""
        keys = self._read()
        return public_of(keys[0] if keys else self._add(()))

    def change(self) -> bytes:
        """Have a new key, and tell its public half; it is stored by then."""
        return public_of(self._add(self._read()))

    def open(self, sealed: SealedCredentials, wanted: Binding, *, now: float) -> dict[str, Secret]:
        """The values, by name, of what was sealed to one of our keys. Raises SecretSealed, StateDamaged."""
        for key in self._read():
            if key_id(public_of(key)) == sealed.key:
                return open_sealed(sealed, wanted, key, now=now)
        raise SecretSealed(
            f"the credentials of task {wanted.task} are sealed to the key {sealed.key[:16]!r}, and this agent has "
            "no such key",
            hint="send the task again: it is sealed to the key that the agent has now",
        )

    def renew(self) -> None:
        """Encrypt the file with the newest data key, where it is not yet."""
        content = self._content()
        if content is None:
            return
        renewed = self._data_keys.renewed(content, purpose=PURPOSE)
        if renewed is not None:
            write_file(self.path, renewed, mode=0o600)

    def _add(self, keys: Iterable[Secret]) -> Secret:
        made = new_key()
        kept = [base64.b64encode(key.reveal()).decode() for key in (made, *keys)][:KEPT]
        value = Secret(strict_json.canonical({"version": 1, "keys": kept}))
        write_file(self.path, self._data_keys.seal(value, purpose=PURPOSE), mode=0o600)
        return made

    def _content(self) -> bytes | None:
        try:
            return read_trusted(self.path, forbidden=ANYTHING, limit=LIMIT, uid=os.geteuid())
        except FileNotFoundError:
            return None
        except Untrusted as error:
            raise StateDamaged(f"the agent's sealing keys are not used: {error}", hint=error.hint) from error

    def _read(self) -> tuple[Secret, ...]:
        """Newest first."""
        content = self._content()
        if content is None:
            return ()
        try:
            value = strict_json.read(self._data_keys.open(content, purpose=PURPOSE).reveal(), limit=LIMIT)
            keys = tuple(Secret(base64.b64decode(item, validate=True)) for item in value["keys"])
            for key in keys:
                public_of(key)
        except (SecretSealed, ValueError, KeyError, TypeError):
            raise StateDamaged(
                f"the agent's sealing keys in {self.path} cannot be opened",
                hint="put the data key's copy back, or remove the file: then a new key is made, and tasks that "
                "were sealed to the old one have to be sent again",
            ) from None
        return keys
