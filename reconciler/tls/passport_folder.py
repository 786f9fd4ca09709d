"""Where a member keeps its passport, and how it gets a new one without ever being without.

    passport.pem         the one that has worked
    next.key             the key that a certificate is asked for; there before anybody is asked
    passport.next.pem    the new one, until it has worked once

    request() ──► next.key ──► receive() ──► passport.next.pem ──► proven() ──► passport.pem

Each file is replaced whole, and none is removed before what follows it is there; so a kill at any point leaves a
passport that works, and the next step goes on from what lies there. Asked again, the same key is used: an answer
that was lost is asked for once more. A new passport that does not work (another root, a mistake of the server's)
leaves the former one in use.

Invariants: keys are made here and never leave the host; nobody but the owner can read the folder (0700, 0600). One
process writes: whoever holds the state directory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.atomic import create_file, remove_file, write_file
from reconciler.core.member import Member
from reconciler.core.secret import Secret
from reconciler.errors import AccessRefused, InputError, StateDamaged
from reconciler.folders import PRIVATE, make_directory, translated
from reconciler.host_file import ANYTHING, Untrusted, read_trusted
from reconciler.tls.certificates import PrivateKey, key_as_pem, key_digest, new_key, read_key
from reconciler.tls.passport import LIMIT, Passport, make_passport, read_passport
from reconciler.tls.requests import make_request

_PROVEN: Final = "passport.pem"
_UNPROVEN: Final = "passport.next.pem"
_KEY: Final = "next.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """All that lies in the folder, at one moment. ``asking``: a certificate was asked for, or is about to be;
    ``problems``: files that cannot be used, and why.
    """

    proven: Passport | None = None
    unproven: Passport | None = None
    asking: bool = False
    problems: tuple[str, ...] = ()

    @property
    def to_try(self) -> tuple[Passport, ...]:
        """In the order in which to connect with them: the new one first, and where it does not work the other."""
        return tuple(item for item in (self.unproven, self.proven) if item is not None)


class PassportFolder:
    """``path``: the folder, made when it is missing; ``member``: whose it is."""

    def __init__(self, path: Path, member: Member) -> None:
        self.path = path
        self.member = member
        with translated(f"could not make the folder {path}"):
            make_directory(path, mode=PRIVATE)
            if path.stat().st_mode & ANYTHING:
                path.chmod(PRIVATE)

    def read(self) -> Papers:
        """What lies there. A file that cannot be used is a problem that is told, not one that stops anything."""
        problems: list[str] = []
        unproven = self._passport(_UNPROVEN, problems)  # first: it may take the place of the other meanwhile
        return Papers(
            proven=self._passport(_PROVEN, problems),
            unproven=unproven,
            asking=(self.path / _KEY).exists(),
            problems=tuple(problems),
        )

    def request(self) -> bytes:
        """The request for a certificate to send. Its key lies on the disk by then. Raises StateUnwritable,
        StateDamaged.
        """
        if self._used_up():
            remove_file(self.path / _KEY)
        create_file(self.path / _KEY, key_as_pem(new_key()).reveal(), mode=0o600)
        return make_request(self._key())

    def receive(self, chain: bytes, roots: bytes) -> Passport:
        """Keep what was answered to the request, until it has worked. Raises AccessRefused where it is not what
        was asked for: then all is as before.
        """
        try:
            made = make_passport(self._key(), chain, roots)
        except ValueError as error:
            raise AccessRefused(f"the certificate that was answered {error}", hint="it is not used") from error
        if made.member != self.member:
            raise AccessRefused(
                f"the certificate that was answered is of {made.member}, not of {self.member}",
                hint="it is not used",
            )
        write_file(self.path / _UNPROVEN, made.content().reveal(), mode=0o600)
        remove_file(self.path / _KEY)
        return made

    def proven(self, passport: Passport) -> None:
        """It has worked: it takes the place of the former one. Raises StateUnwritable."""
        write_file(self.path / _PROVEN, passport.content().reveal(), mode=0o600)
        remove_file(self.path / _UNPROVEN)

    def give_up(self) -> None:
        """Forget the new one that does not work, so that another is asked for. The former one stays."""
        remove_file(self.path / _UNPROVEN)

    def forget(self) -> None:
        """Forget all: for a member that is to be enrolled anew, or no longer is one."""
        for name in (_UNPROVEN, _KEY, _PROVEN):
            remove_file(self.path / name)

    def _used_up(self) -> bool:
        """Whether the key's certificate is here already, or the key cannot be used."""
        if not (self.path / _KEY).exists():
            return False
        try:
            digest = key_digest(self._key().public_key())
        except StateDamaged:
            return True
        papers = self.read()
        return any(digest == key_digest(read_key(item.key).public_key()) for item in papers.to_try)

    def _key(self) -> PrivateKey:
        path = self.path / _KEY
        try:
            return read_key(Secret(read_trusted(path, forbidden=ANYTHING, limit=LIMIT, uid=os.geteuid())))
        except FileNotFoundError:
            raise StateDamaged(f"{path} is not there: no certificate was asked for", hint="ask again") from None
        except ValueError as error:
            raise StateDamaged(f"{path} {error}", hint="a new key is made with the next request") from error
        except Untrusted as error:
            raise StateDamaged(f"the key is not used: {error}", hint=error.hint) from error

    def _passport(self, name: str, problems: list[str]) -> Passport | None:
        path = self.path / name
        try:
            found = read_passport(read_trusted(path, forbidden=ANYTHING, limit=LIMIT, uid=os.geteuid()))
            if found.member != self.member:
                raise InputError(f"is of {found.member}, not of {self.member}")
        except FileNotFoundError:
            return None
        except Untrusted as error:
            problems.append(str(error))
            return None
        except (ValueError, InputError) as error:
            problems.append(f"{path} {error}")
            return None
        return found
