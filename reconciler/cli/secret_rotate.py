"""Encrypting anew for other keys: a file's secrets, or the file as a whole. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reconciler.cli.files import read_bounded
from reconciler.cli.secret_parts import FILE_LIMIT, read_bytes
from reconciler.cli.secret_text import find_sealed, with_ciphertexts
from reconciler.core.secret import Secret
from reconciler.credentials import age
from reconciler.credentials.identities import Identities
from reconciler.errors import InputError, SecretSealed

WHOLE: Final = ("the whole file",)


def rotated(path: Path, opener: Identities, keys: Sequence[str]) -> tuple[bytes, tuple[str, ...]]:
    """The file's new content, and what in it was encrypted anew. Raises SecretSealed when only one of its secrets
    cannot be opened, InputError when it has none.
    """
    whole = read_bytes(path)
    if age.is_age(whole):
        return age.seal(_opened(opener, whole, str(path)), keys).encode(), WHOLE
    text = read_bounded(path, limit=FILE_LIMIT)
    found = [item for item in find_sealed(text, str(path)) if item.text]
    if not found:
        raise InputError(f"{path} has no secret in it")
    sealed = {
        item.id: age.seal(_opened(opener, item.text, f"{path}: {item.name} of {item.document}"), keys)
        for item in found
    }
    return with_ciphertexts(text, str(path), sealed).encode(), tuple("/".join(item.id) for item in found)


def _opened(opener: Identities, sealed: str | bytes, subject: str) -> Secret:
    try:
        return opener.open(sealed)
    except SecretSealed as error:
        error.about(subject)
        raise
