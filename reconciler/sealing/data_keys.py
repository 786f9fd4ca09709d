"""Data keys: what an agent or orchestrator keeps that is confidential is encrypted where it lies.

The keys are a file: of our own (0600, made when it is missing), or handed in by systemd (``LoadCredential=``,
``LoadCredentialEncrypted=``: then it lies in ``$CREDENTIALS_DIRECTORY``, and on the disk only encrypted). One key
a line, after its part: ``current``, ``pending`` or ``former``.

A new key is stored before anything is encrypted with it. So a rotation that was cut short at any point finds both
keys, and goes on: records are encrypted anew one by one (``renewed``), and only then is the old key removed.

ChaCha20-Poly1305 with random nonces; each record names its key, and is bound to what it is for (``purpose``), so
that it opens in no other place. Invariant: no error tells a value or a key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from reconciler.atomic import create_file, write_file
from reconciler.core.secret import Secret
from reconciler.errors import InputError, SecretSealed, StateDamaged
from reconciler.host_file import ANYTHING, Untrusted, read_trusted

KEY_BYTES: Final = 32
FILE_LIMIT: Final = 4096
SYSTEMD: Final = "CREDENTIALS_DIRECTORY"
_MAGIC: Final = b"SDR1"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_HEAD: Final = len(_MAGIC) + _ID_BYTES
_PARTS: Final = ("current", "pending", "former")


@dataclass(frozen=True, slots=True)
class Keys:
    """``pending``: the one that takes the place of ``current``; ``former``: such as still open records."""

    current: Secret
    pending: Secret | None = None
    former: tuple[Secret, ...] = ()
    _by_id: dict[bytes, Secret] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_id.update({_id(key): key for key in (self.newest, self.current, *self.former)})

    @property
    def newest(self) -> Secret:
        """What is encrypted with from now on."""
        return self.pending or self.current

    def seal(self, value: Secret, *, purpose: str) -> bytes:
        """A record. ``purpose``: where it belongs, to be told again when it is opened."""
        head, nonce = _MAGIC + _id(self.newest), secrets.token_bytes(_NONCE_BYTES)
        cipher = ChaCha20Poly1305(self.newest.reveal())
        return head + nonce + cipher.encrypt(nonce, value.reveal(), head + purpose.encode())

    def open(self, record: bytes, *, purpose: str) -> Secret:
        """What is in a record. Raises SecretSealed."""
        head, nonce, rest = record[:_HEAD], record[_HEAD : _HEAD + _NONCE_BYTES], record[_HEAD + _NONCE_BYTES :]
        key = self._by_id.get(head.removeprefix(_MAGIC)) if head.startswith(_MAGIC) else None
        if key is None:
            raise SecretSealed(
                f"what is stored as {purpose} is of no data key that is here", hint="put the data key's copy back"
            )
        try:
            return Secret(ChaCha20Poly1305(key.reveal()).decrypt(nonce, rest, head + purpose.encode()))
        except (InvalidTag, ValueError):
            raise SecretSealed(
                f"what is stored as {purpose} was changed, or belongs elsewhere", hint="it is not used"
            ) from None

    def renewed(self, record: bytes, *, purpose: str) -> bytes | None:
        """The record under the newest key, None where it is under it already. Raises SecretSealed."""
        if record[:_HEAD] == _MAGIC + _id(self.newest):
            return None
        return self.seal(self.open(record, purpose=purpose), purpose=purpose)


@dataclass(frozen=True, slots=True)
class DataKeyFile:
    """``path``: the file. ``ours``: whether this program makes and changes it."""

    path: Path
    ours: bool = True

    def keys(self) -> Keys:
        """The keys. Raises StateDamaged for a file that others can read, or that is none, StateUnwritable."""
        if self.ours:
            create_file(self.path, _written(Keys(Secret(secrets.token_bytes(KEY_BYTES)))), mode=0o600)
        try:
            forbidden = ANYTHING if self.ours else ANYTHING & ~stat.S_IRGRP  # systemd's ACL for a user shows there
            return _read(read_trusted(self.path, forbidden=forbidden, limit=FILE_LIMIT, uid=os.geteuid()))
        except FileNotFoundError:
            raise StateDamaged(f"the data key {self.path} is not there", hint="put its copy back") from None
        except Untrusted as error:
            raise StateDamaged(f"the data key is not used: {error}", hint=error.hint) from error
        except ValueError as error:
            raise StateDamaged(f"the data key {self.path} {error}", hint="put its copy back") from error

    def begin_rotation(self) -> Keys:
        """Have a pending key, on the disk when this returns. Begun already: the same one. Raises InputError where
        the file is not ours.
        """
        self._must_be_ours()
        keys = self.keys()
        if keys.pending is None:
            keys = Keys(keys.current, Secret(secrets.token_bytes(KEY_BYTES)), keys.former)
            write_file(self.path, _written(keys), mode=0o600)
        return keys

    def end_rotation(self) -> Keys:
        """All records are under the pending key: it is the current one, and no other is kept. Raises InputError
        where no rotation was begun.
        """
        self._must_be_ours()
        keys = self.keys()
        if keys.pending is None:
            raise InputError("no rotation of the data key was begun", hint="begin one first")
        keys = Keys(keys.pending)
        write_file(self.path, _written(keys), mode=0o600)
        return keys

    def _must_be_ours(self) -> None:
        if not self.ours:
            raise InputError(
                f"the data key {self.path} comes from systemd and is not changed here",
                hint="give a credential with two lines, 'current' with the new key and 'former' with the old one",
            )


def data_key_file(state: Path, name: str, environment: Mapping[str, str]) -> DataKeyFile:
    """The credential ``name`` where systemd handed one in, otherwise the file in the state directory."""
    folder = environment.get(SYSTEMD, "")
    if folder and (Path(folder) / name).exists():
        return DataKeyFile(Path(folder) / name, ours=False)
    return DataKeyFile(state / name)


def _id(key: Secret) -> bytes:
    return hashlib.sha256(b"stella data key\0" + key.reveal()).digest()[:_ID_BYTES]


def _written(keys: Keys) -> bytes:
    parts = [("current", keys.current), ("pending", keys.pending), *(("former", key) for key in keys.former)]
    lines = (f"{part} {base64.b64encode(key.reveal()).decode()}\n" for part, key in parts if key is not None)
    return "".join(lines).encode()


def _read(content: bytes) -> Keys:
    found: dict[str, list[Secret]] = {part: [] for part in _PARTS}
    for number, line in enumerate(content.splitlines(), start=1):
        part, _, text = line.decode("ascii", errors="replace").partition(" ")
        if part not in found:
            raise ValueError(f"line {number}: begins with none of {', '.join(_PARTS)}")
        found[part].append(_key(text, number))
    if len(found["current"]) != 1 or len(found["pending"]) > 1:
        raise ValueError("has not one current key and at most one that is pending")
    return Keys(found["current"][0], next(iter(found["pending"]), None), tuple(found["former"]))


def _key(text: str, number: int) -> Secret:
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != KEY_BYTES:
        raise ValueError(f"line {number}: is not {KEY_BYTES} bytes in base64")
    return Secret(value)
