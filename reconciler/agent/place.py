"""AgentPlace: where on the host an agent keeps what it is, and Enrolment: who it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.atomic import write_file
from reconciler.core.member import Member, Role
from reconciler.errors import InputError, StateDamaged, StateUnwritable
from reconciler.folders import PRIVATE, make_directory, translated
from reconciler.protocol.wire.codec import from_json, to_json

NOT_ENROLLED: Final = "this host belongs to no orchestrator yet"
ENROLL: Final = "enroll it: reconciler agent enroll --server URL --token-file FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskKey:
    """A public key by which tasks and documents are signed, as the orchestrator tells it."""

    key_id: str
    algorithm: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Whose agent this is. ``server``: its URL, without a slash at the end."""

    server: str
    agent: str
    task_keys: tuple[TaskKey, ...] = ()

    @property
    def member(self) -> Member:
        """As it stands in the certificate."""
        return Member(Role.AGENT, self.agent)


@dataclass(frozen=True, slots=True)
class AgentPlace:
    """``path``: the folder, in the state directory."""

    path: Path

    @property
    def passport(self) -> Path:
        """Folder of key and certificate."""
        return self.path / "passport"

    @property
    def inbox(self) -> Path:
        """Database of tasks and documents."""
        return self.path / "inbox.db"

    @property
    def documents(self) -> Path:
        """Folder of the orchestrator's documents, as the loop reads them."""
        return self.path / "documents"

    @property
    def artifacts(self) -> Path:
        """Folder of files by their digest."""
        return self.path / "artifacts"

    @property
    def sealing_keys(self) -> Path:
        """File of the keys that open credentials."""
        return self.path / "sealing.keys"

    @property
    def _record(self) -> Path:
        return self.path / "agent.json"

    def make(self) -> None:
        """Have the folders. Raises StateUnwritable."""
        for folder in (self.path, self.documents, self.artifacts):
            with translated(f"could not make the folder {folder}"):
                make_directory(folder, mode=PRIVATE)

    def enrolment(self) -> Enrolment:
        """Raises InputError where there is none, StateDamaged, StateUnwritable."""
        try:
            value = json.loads(self._record.read_bytes())
        except FileNotFoundError:
            raise InputError(NOT_ENROLLED, hint=ENROLL) from None
        except OSError as error:
            raise StateUnwritable(f"could not read {self._record}: {error.strerror}") from error
        except ValueError:
            value = None
        try:
            found = from_json(Enrolment, value)
            _ = found.member
        except (TypeError, KeyError, AttributeError, InputError):
            raise StateDamaged(f"{self._record} is not what an enrolment wrote", hint=ENROLL) from None
        return found

    def enrolled(self, enrolment: Enrolment) -> None:
        """Keep it, and the name where all commands find it. Raises StateUnwritable."""
        write_file(self.path / "name", f"{enrolment.agent}\n".encode(), mode=0o600)
        write_file(self._record, json.dumps(to_json(enrolment), indent=2).encode() + b"\n", mode=0o600)
