"""The folder in which an authority lies: keys and certificates, and which of them count.

    authority.json           which root signs, which are trusted, since when: the only commit point
    root-ID.pem              a root's certificate
    root-ID.key              its key; may be taken away to a safe place, and is needed for rotation alone
    issuing-ID.pem           key and certificate of what signs under that root

ID begins the root's fingerprint. Files are written before ``authority.json`` names them and removed when it names
them no more. So a crash leaves the former authority or the new one, whole, and perhaps a file that nobody names.

Invariants: only its owner can read the folder (0700, files 0600), and one that others can read is not used; one
process changes it at a time.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from reconciler import strict_json
from reconciler.atomic import create_file, remove_file, write_file
from reconciler.core.secret import Secret
from reconciler.errors import InputError, StateDamaged, StateLocked
from reconciler.folders import PRIVATE, make_directory, translated
from reconciler.host_file import ANYTHING, Untrusted, read_trusted
from reconciler.tls import rotation
from reconciler.tls.authority import Authority
from reconciler.tls.certificates import (
    LEAF_LIFE,
    Certificate,
    PrivateKey,
    Signer,
    as_pem,
    fingerprint,
    key_as_pem,
    make_issuing,
    make_root,
    read_key,
    read_pem,
    signed_by,
)
from reconciler.tls.rotation import Roots

LIMIT: Final = 64 * 1024
_STATE: Final = "authority.json"
_OF_A_ROOT: Final = re.compile(r"(?:root|issuing)-(?P<root>[0-9a-f]{16})\.(?:pem|key)")


class AuthorityFolder:
    """``path``: the folder. Nothing is kept in memory: each call reads what lies there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, *, now: datetime) -> Authority:
        """Make a new authority. Raises InputError where there is one already, StateUnwritable."""
        with translated(f"could not make the authority's folder {self.path}"):
            make_directory(self.path, mode=PRIVATE)
        with self._locked():
            root = self._new_root(now)
            roots = Roots(root, (root,), now)
            if not create_file(self.path / _STATE, _written(roots)):
                self._tidy(self.roots())
                raise InputError(f"{self.path} has an authority already", hint="it is left as it is")
        return self.authority()

    def authority(self) -> Authority:
        """What signs now. Raises StateDamaged where it is not there, open to others, or does not fit."""
        roots = self.roots()
        try:
            return self._authority(roots)
        except StateDamaged:
            if self.roots() == roots:
                raise
            return self.authority()  # another process has made a step meanwhile

    def _authority(self, roots: Roots) -> Authority:
        certificates = {item: self._root(item) for item in roots.trusted}
        issuing = self._signer(f"issuing-{roots.signing[:16]}.pem")
        if not signed_by(issuing.certificate, certificates[roots.signing]):
            raise self._damaged(f"issuing-{roots.signing[:16]}.pem", "is not of the root that signs")
        return Authority(issuing, certificates[roots.signing], tuple(certificates.values()))

    def roots(self) -> Roots:
        """Where a rotation is. Raises StateDamaged."""
        content = self._read(_STATE)
        try:
            value = strict_json.read(content, limit=LIMIT)
            since = datetime.fromtimestamp(value["since"], UTC)
            return Roots(str(value["signing"]), tuple(map(str, value["trusted"])), since)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise self._damaged(_STATE, "cannot be read") from error

    def introduce(self, *, now: datetime) -> Roots:
        """Make a new root, which all will trust and which does not sign yet. Raises InputError out of turn."""
        with self._locked():
            rotation.introduced(self.roots(), "new", now=now)  # refuses before anything is written
            return self._keep(rotation.introduced(self.roots(), self._new_root(now), now=now))

    def switch(self, *, now: datetime, life: timedelta = LEAF_LIFE) -> Roots:
        """Sign under the new root from now on. Raises InputError out of turn or too early."""
        return self._step(lambda roots: rotation.switched(roots, now=now, life=life))

    def retire(self, *, now: datetime, life: timedelta = LEAF_LIFE) -> Roots:
        """Trust the old root no more, and remove it. Raises InputError out of turn or too early."""
        return self._step(lambda roots: rotation.retired(roots, now=now, life=life))

    def renew_issuing(self, *, now: datetime) -> Authority:
        """Replace what signs under the same root; what it has signed still counts. Raises StateDamaged where the
        root's key is not there.
        """
        with self._locked():
            signing = self.roots().signing
            name = f"root-{signing[:16]}.key"
            if not (self.path / name).exists():
                raise self._damaged(name, "is not there, and is needed for this", hint="bring it back for so long")
            self._write_issuing(Signer(self._root(signing), self._key(name)), now)
        return self.authority()

    def tidy(self) -> None:
        """Remove what a step that was cut short has left; for the start of a program."""
        with self._locked():
            self._tidy(self.roots())

    def _step(self, change: Callable[[Roots], Roots]) -> Roots:
        with self._locked():
            return self._keep(change(self.roots()))

    def _keep(self, roots: Roots) -> Roots:
        write_file(self.path / _STATE, _written(roots), mode=0o600)
        self._tidy(roots)
        return roots

    def _new_root(self, now: datetime) -> str:
        root = make_root(now)
        made = fingerprint(root.certificate)
        write_file(self.path / f"root-{made[:16]}.key", key_as_pem(root.key).reveal(), mode=0o600)
        write_file(self.path / f"root-{made[:16]}.pem", as_pem([root.certificate]), mode=0o600)
        self._write_issuing(root, now)
        return made

    def _write_issuing(self, root: Signer, now: datetime) -> None:
        made = make_issuing(root, now)
        content = key_as_pem(made.key).reveal() + as_pem([made.certificate])
        write_file(self.path / f"issuing-{fingerprint(root.certificate)[:16]}.pem", content, mode=0o600)

    def _tidy(self, roots: Roots) -> None:
        """Remove what is of no root that is trusted: of a retired one, or of one that a crash left unnamed."""
        kept = {root[:16] for root in roots.trusted}
        for path in self.path.glob("*-*.*"):
            found = _OF_A_ROOT.fullmatch(path.name)
            if found and found["root"] not in kept:
                remove_file(path)

    def _root(self, named: str) -> Certificate:
        name = f"root-{named[:16]}.pem"
        content = self._read(name)
        try:
            (found,) = read_pem(content)
        except ValueError as error:
            raise self._damaged(name, "is not one certificate") from error
        if fingerprint(found) != named:
            raise self._damaged(name, f"is another root than {named}")
        return found

    def _signer(self, name: str) -> Signer:
        content = self._read(name)
        try:
            (certificate,) = read_pem(content)
            key = read_key(Secret(content))
        except ValueError as error:
            raise self._damaged(name, "is not a key with its certificate") from error
        if key.public_key() != certificate.public_key():
            raise self._damaged(name, "has a certificate of another key")
        return Signer(certificate, key)

    def _key(self, name: str) -> PrivateKey:
        try:
            return read_key(Secret(self._read(name)))
        except ValueError as error:
            raise self._damaged(name, str(error)) from error

    def _read(self, name: str) -> bytes:
        self._refuse_open()
        try:
            return read_trusted(self.path / name, forbidden=ANYTHING, limit=LIMIT, uid=os.geteuid())
        except FileNotFoundError:
            raise self._damaged(name, "is not there") from None
        except Untrusted as error:
            raise StateDamaged(f"the authority is not used: {error}", hint=error.hint) from error

    def _refuse_open(self) -> None:
        try:
            mode = self.path.stat().st_mode
        except OSError as error:
            raise StateDamaged(f"the authority's folder {self.path} cannot be used: {error.strerror}") from error
        if stat.S_IMODE(mode) & ANYTHING:
            raise StateDamaged(
                f"the authority is not used: others can look into its folder {self.path}",
                hint=f"chmod 700 {self.path}; if others may have read it, rotate the root",
            )

    def _damaged(self, name: str, what: str, *, hint: str = "put its copy back") -> StateDamaged:
        return StateDamaged(f"the authority cannot be used: {self.path / name} {what}", hint=hint)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with translated(f"could not open the authority's folder {self.path}"):
            handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._refuse_open()
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateLocked(f"the authority in {self.path} is being changed by another process") from None
            yield
        finally:
            os.close(handle)


def _written(roots: Roots) -> bytes:
    return strict_json.canonical(
        {
            "version": 1,
            "signing": roots.signing,
            "trusted": list(roots.trusted),
            "since": int(roots.since.timestamp()),
        }
    )
