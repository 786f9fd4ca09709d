"""Logins of registries, by repository prefix: an age-encrypted file of this host.

Decides which login a repository gets: that of the longest prefix in the file (``login_file``), or what the helper
named there says. None is found where the file has no prefix for it, is empty, or is not there.

Read and opened anew for each question, and forgotten after the answer: a changed file counts at once, and no
login lies in the memory of a program that only watches. Invariant: no error tells a value.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from reconciler.core.login import Login
from reconciler.core.secret import Secret
from reconciler.credentials.helper import ask_helper
from reconciler.credentials.login_file import Entry, find_entry, read_entries, registry_of
from reconciler.errors import RegistryDenied, SecretSealed
from reconciler.host_file import WRITING, Untrusted, read_trusted
from reconciler.spec.problem import Wrong

LIMIT: Final = 1024 * 1024


class Logins:
    """``needed``: somebody named the file, so that it must be there. ``open_sealed`` raises SecretSealed."""

    def __init__(
        self,
        path: Path,
        *,
        needed: bool,
        open_sealed: Callable[[bytes], Secret],
        uid: Callable[[], int] = os.geteuid,
    ) -> None:
        self.path = path.absolute()
        self._needed = needed
        self._open = open_sealed
        self._uid = uid

    def login_for(self, repository: str) -> Login | None:
        """The login for a repository. Raises RegistryDenied when the file or a helper cannot be used,
        RegistryUnavailable when a helper does not answer.
        """
        entry = find_entry(self.entries(), repository)
        if entry is None:
            return None
        login = ask_helper(entry.helper, registry_of(repository)) if entry.helper else entry.login
        remedy = f"mend what `{entry.helper}` answers" if entry.helper else f"put the right one into {self.path}"
        return replace(login, origin=f"{entry.prefix} in {self.path}", remedy=remedy)

    def entries(self) -> tuple[Entry, ...]:
        """All that the file says; () when it is empty or not there. Raises RegistryDenied."""
        try:
            content = read_trusted(self.path, forbidden=WRITING, limit=LIMIT, uid=self._uid())
            return read_entries(self._open(content).reveal()) if content else ()
        except FileNotFoundError:
            if self._needed:
                raise self._refused(
                    "is not there", "make it, or take the setting registry-credentials away"
                ) from None
            return ()
        except Untrusted as error:
            raise RegistryDenied(f"the registry credentials {error}", hint=error.hint) from None
        except SecretSealed as error:
            raise self._refused(error.message, error.hint) from error
        except Wrong as error:
            hint = "see its text with 'reconciler secret decrypt', mend it, encrypt it again"
            raise self._refused(f"is wrong: {error}", hint) from None

    def _refused(self, why: str, hint: str) -> RegistryDenied:
        return RegistryDenied(f"the registry credentials {self.path}: {why}", hint=hint)
