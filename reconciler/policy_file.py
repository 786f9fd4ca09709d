"""The policy file of this host: read, trusted only where nobody else can write, read again when it changes.

Decides whose file may say what documents may do: its owner is root or who runs this program, and nobody else can
write to it, to its folder, or replace a folder above. What it says is read by ``spec.policy``. A file that is
wrong stops a start; while running the last good policy stays in force, and ``trouble`` says why.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from reconciler.core.policy import Policy, on_host
from reconciler.core.signing import PublicKey
from reconciler.errors import InvalidSettings
from reconciler.spec.policy import read_policy
from reconciler.spec.yaml_tree import MAX_BYTES

POLICY: Final = "the policy file"
KEY: Final = "the key"
OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
Mark = tuple[int, ...]
ReadKey = Callable[[str, bytes], PublicKey]


def nobody_reads(path: str, _content: bytes) -> PublicKey:
    """For policies without signatures."""
    raise InvalidSettings(f"{path} cannot be read as a key here")


class PolicyFile:
    """``needed``: somebody named the file, so that it must be there; else the built-in policy is in force while
    it is not. ``engine_sockets`` and ``guarded`` are what is known of this host. ``read_key`` makes a key of a
    file that the policy names, or raises InvalidSettings: keys are trusted and guarded as the policy is, and read
    again when they change. Safe to ask from many threads.
    """

    def __init__(
        self,
        path: Path,
        *,
        needed: bool,
        engine_sockets: Iterable[str] = (),
        guarded: Iterable[str] = (),
        read_key: ReadKey = nobody_reads,
        uid: Callable[[], int] = os.geteuid,
    ) -> None:
        self.path = path.absolute()
        self.trouble: InvalidSettings | None = None
        """Why the file as it is now is not in force; None when it is."""
        self._needed = needed
        self._sockets = tuple(engine_sockets)
        self._guarded = (*guarded, str(self.path), os.path.realpath(self.path))
        self._read_key = read_key
        self._key_files: tuple[Path, ...] = ()
        self._uid = uid
        self._lock = threading.Lock()
        self._mark: Mark | None = None
        self._policy: Policy | None = None

    @property
    def missing(self) -> bool:
        """Whether there is no such file, and the built-in policy is in force."""
        return not self._needed and not os.path.lexists(self.path)

    def load(self) -> Policy:
        """The policy as the file says it now. Raises InvalidSettings, naming line and column."""
        with self._lock:
            self._mark, self._policy = self._look(), self._read()
            self.trouble = None
            return self._policy

    def current(self) -> Policy:
        """The policy in force: the file's, else the last good one. Raises InvalidSettings while there is none."""
        with self._lock:
            mark = self._look()
            if self._policy is not None and mark == self._mark:
                return self._policy
            try:
                if self._policy is not None and not os.path.lexists(self.path):
                    raise InvalidSettings(
                        f"the policy file {self.path} is gone", hint="the last good one is in force"
                    )
                policy = self._read()
            except InvalidSettings as error:
                if self._policy is None:
                    raise
                self.trouble = error
            else:
                self._policy, self.trouble = policy, None
            self._mark = mark
            return self._policy

    def _look(self) -> Mark:
        """What changes when the file does, or a key; two calls to the system for each."""
        return tuple(number for path in (self.path, *self._key_files) for number in _mark_of(path))

    def _read(self) -> Policy:
        if self.missing:
            return on_host(Policy(), engine_sockets=self._sockets, guarded=self._guarded)
        policy, problems = read_policy(self._content(self.path, POLICY), str(self.path))
        if policy is None:
            raise InvalidSettings("the policy is wrong:\n" + "\n".join(map(str, problems)))
        named = [key.path for rule in policy.signatures for key in rule.keys]
        self._key_files = tuple(map(Path, dict.fromkeys(named)))
        keys = {str(path): self._read_key(str(path), self._content(path, KEY)) for path in self._key_files}
        rules = (replace(rule, keys=tuple(keys[key.path] for key in rule.keys)) for rule in policy.signatures)
        policy = replace(policy, signatures=tuple(rules))
        whose = (place for path in self._key_files for place in (str(path), os.path.realpath(path)))
        return on_host(policy, engine_sockets=self._sockets, guarded=(*self._guarded, *whose))

    def _content(self, path: Path, what: str) -> bytes:
        try:
            with open(path, "rb", opener=_without_waiting) as stream:
                self._trust_file(path, what, os.fstat(stream.fileno()))
                content = stream.read(MAX_BYTES + 1)
            for place in dict.fromkeys((path, path.resolve())):
                self._trust_folders(path, what, place)
        except OSError as error:
            named = f"it out of signatures in {self.path}" if what == KEY else "the setting policy away"
            hint = f"put it there, or take {named}" if isinstance(error, FileNotFoundError) else ""
            raise InvalidSettings(f"{what} {path} cannot be read: {error.strerror}", hint=hint) from error
        return content

    def _trust_file(self, path: Path, what: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise InvalidSettings(f"{what} {path} is not a regular file")
        if found.st_mode & OTHERS:
            raise InvalidSettings(
                f"{what} {path} can be written by others than its owner", hint=f"chmod go-w {path}"
            )
        self._trust_owner(f"{what} {path}", str(path), found)

    def _trust_folders(self, path: Path, what: str, place: Path) -> None:
        """Whoever can write to a folder can put another file there. A sticky folder above (``/tmp``) lets only
        owners rename what is in it; the file's own folder must not even be that.
        """
        for folder in place.parents:
            found = folder.stat()
            sticky = folder != place.parent and found.st_mode & stat.S_ISVTX
            if found.st_mode & OTHERS and not sticky:
                raise InvalidSettings(
                    f"{what} {path} is not safe: others can write to {folder}", hint=f"chmod go-w {folder}"
                )
            self._trust_owner(f"{what} {path}", str(folder), found)

    def _trust_owner(self, about: str, path: str, found: os.stat_result) -> None:
        if found.st_uid not in {0, self._uid()}:
            raise InvalidSettings(
                f"{about} is not safe: {path} belongs to user {found.st_uid}", hint=f"chown root {path}"
            )


def _mark_of(path: Path) -> Mark:
    try:
        found, folder = path.stat(), path.parent.stat()
    except OSError as error:
        return (error.errno or 0,)
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, folder.st_ctime_ns)


def policy_of_host(
    path: Path, *, needed: bool, engine: str, places: Iterable[Path], read_key: ReadKey = nobody_reads
) -> PolicyFile:
    """The policy file of a host with this engine (its URL). ``places`` are the controller's own."""
    socket = (engine.removeprefix("unix://"),) if engine.startswith("unix://") else ()
    guarded = [str(path) for place in places for path in (place.absolute(), place.resolve())]
    return PolicyFile(path, needed=needed, engine_sockets=socket, guarded=guarded, read_key=read_key)


def _without_waiting(path: str, flags: int) -> int:
    """A pipe in the file's place must not make us wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def leads_to(paths: Iterable[str]) -> dict[str, str]:
    """Where those paths lead that are, or lie behind, links on this host as far as it can be seen from here."""
    return Links().lead_to(paths)


class Links:
    """Where paths of this host lead at one moment: each folder above them is looked at once."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def lead_to(self, paths: Iterable[str]) -> dict[str, str]:
        """As ``leads_to``."""
        found = ((path, self._place(path)) for path in paths)
        return {path: place for path, place in found if place != path and place != os.path.normpath(path)}

    def _place(self, path: str) -> str:
        """As ``os.path.realpath``."""
        known = self._places.get(path)
        if known is None:
            known = self._places[path] = self._found(path)
        return known

    def _found(self, path: str) -> str:
        folder, slash, name = path.rpartition("/")
        if not path.startswith("/") or not slash or name in {"", ".", ".."}:
            return os.path.realpath(path)
        place = f"{self._place(folder)}/{name}" if folder else path
        return os.path.realpath(place) if os.path.islink(place) else place  # noqa: PTH114  (hundreds a look)
