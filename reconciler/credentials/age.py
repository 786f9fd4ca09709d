"""What age does, by pyrage: keys, sealing, opening. Texts in, texts out; no file is touched.

Decides which keys are taken: X25519 keys of age (``AGE-SECRET-KEY-1…``, ``age1…``) and unencrypted SSH keys, as
the programs age and rage take them (https://age-encryption.org/v1). Passphrases and plugins are not: nobody is
there to be asked when a controller starts. Whoever needs pyrage imports this module when it is needed.

Invariant: no error tells a value or a secret key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyrage

from reconciler.core.secret import Secret
from reconciler.errors import InputError

AgeKey = Any
"""A key object of pyrage, which tells no types."""
BEGIN: Final = "-----BEGIN AGE ENCRYPTED FILE-----"
END: Final = "-----END AGE ENCRYPTED FILE-----"
_PLAIN: Final = b"age-encryption.org/v1\n"
_SSH: Final = "-----BEGIN "
_NO_KEY: Final = "No matching keys found"


class NotForUs(Exception):
    """None of the keys opens it."""


class Damaged(Exception):
    """It is no age text, or one that was changed."""


def new_key() -> tuple[Secret, str]:
    """A fresh key: the secret one, and the public one that others encrypt for."""
    key = pyrage.x25519.Identity.generate()
    return Secret(str(key).encode()), str(key.to_public())


def read_keys(text: str) -> tuple[AgeKey, ...]:
    """The secret keys of an identity file: one a line beside ``#`` comments, or one SSH key. Raises ValueError,
    naming the line.
    """
    if text.lstrip().startswith(_SSH):
        try:
            return (pyrage.ssh.Identity.from_buffer(text.lstrip().encode()),)
        except pyrage.IdentityError:
            raise ValueError("is an SSH key that cannot be used: of another kind, or with a passphrase") from None
    keys = tuple(
        _key(line.strip(), number)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    )
    if not keys:
        raise ValueError("has no key in it")
    return keys


def _key(text: str, number: int) -> AgeKey:
    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        pass
    meant = "; a public key does not open anything" if text.startswith("age1") else ""
    raise ValueError(f"line {number} is no age secret key (AGE-SECRET-KEY-1…){meant}")


def public_keys(keys: Iterable[AgeKey]) -> tuple[str, ...]:
    """What others encrypt for; an SSH key's stands in its ``.pub`` file and is not told here."""
    return tuple(str(key.to_public()) for key in keys if isinstance(key, pyrage.x25519.Identity))


def seal(value: Secret, recipients: Sequence[str]) -> str:
    """The value, encrypted for all these public keys, as an armored text that ends with a line break. Two calls
    never give the same text. Raises InputError.
    """
    found = [_recipient(text) for text in dict.fromkeys(recipients)]
    return str(pyrage.encrypt(value.reveal(), found, armored=True), "ascii")


def _recipient(text: str) -> Any:
    if text.upper().startswith("AGE-SECRET-KEY-"):  # not shown, wherever it came from
        raise InputError("a recipient is a public key (age1…), and this is a secret one")
    kind = pyrage.ssh.Recipient if text.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(text)
    except pyrage.RecipientError:
        raise InputError(
            f"{text!r} is no recipient", hint="a public key: age1…, ssh-ed25519 … or ssh-rsa …"
        ) from None


def open_sealed(sealed: bytes, keys: Sequence[AgeKey]) -> Secret:
    """The value of an age text, armored or not. White space around the lines of armor does not matter. Raises
    NotForUs, Damaged.
    """
    try:
        return Secret(pyrage.decrypt(sealed if sealed.startswith(_PLAIN) else _armored(sealed), list(keys)))
    except pyrage.DecryptError as error:
        raise (NotForUs if str(error) == _NO_KEY else Damaged) from None


def is_age(content: bytes) -> bool:
    """Whether it looks like an age text, armored or not."""
    return content.startswith(_PLAIN) or content.lstrip().startswith(BEGIN.encode())


def _armored(sealed: bytes) -> bytes:
    lines = [line.strip() for line in sealed.strip().splitlines()]
    if not lines or lines[0] != BEGIN.encode() or lines[-1] != END.encode():
        raise Damaged
    return b"\n".join([*lines, b""])
