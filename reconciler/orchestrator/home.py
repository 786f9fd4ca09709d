"""Home: the folder of one orchestrator, and what lies where in it.

    orchestrator.json   under which names and addresses it is reached
    authority/          who signs certificates
    release.key         who signs tasks and documents
    orchestrator.db     the store
    admin/              passport.pem and fleet.json of the first admin, to be taken to where a person works
    desired/            documents, unless another folder is named

The server's own certificate lies nowhere: it is made when the program starts, and again before it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from reconciler import strict_json
from reconciler.atomic import create_file, write_file
from reconciler.core.member import Member, Role
from reconciler.errors import InputError, StateDamaged
from reconciler.folders import PRIVATE, make_directory, translated
from reconciler.sealing.release_keys import ReleaseKey, release_key
from reconciler.tls.authority_folder import AuthorityFolder

LIMIT: Final = 64 * 1024
SERVER: Final = Member(Role.SERVER, "orchestrator")
ADDRESS: Final = "0.0.0.0:8443"
ENROLL_ADDRESS: Final = "0.0.0.0:8444"
MONITOR_ADDRESS: Final = "127.0.0.1:9465"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """``names``: host names and IP addresses in the server's certificate; ``listen`` for members, ``enroll`` for
    those who are to become some.
    """

    names: tuple[str, ...]
    listen: str = ADDRESS
    enroll: str = ENROLL_ADDRESS

    def __post_init__(self) -> None:
        if not self.names:
            raise InputError("no name is given under which the orchestrator is reached", hint="--name HOST")

    @property
    def url(self) -> str:
        """Where members find it."""
        return _url(self.names[0], self.listen)

    @property
    def enroll_url(self) -> str:
        """Where hosts enroll."""
        return _url(self.names[0], self.enroll)


class Home:
    """``path``: the folder, for its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.authority = AuthorityFolder(path / "authority")
        self.database = path / "orchestrator.db"
        self.admin = path / "admin"
        self.desired = path / "desired"

    @property
    def key(self) -> ReleaseKey:
        """Raises StateDamaged."""
        return release_key(self.path / "release.key")

    def create(self, reached: Reached, admin: Member, *, now: datetime) -> None:
        """Make all of it. Raises InputError where there is one already, StateUnwritable."""
        with translated(f"could not make the orchestrator's folder {self.path}"):
            make_directory(self.path, mode=PRIVATE)
            for folder in (self.admin, self.desired):
                make_directory(folder, mode=PRIVATE)
        authority = self.authority.create(now=now)
        authority.passport(SERVER, names=reached.names, now=now)  # refuses names that are none
        release_key(self.path / "release.key", make=True)
        self.write_admin(reached, admin, now=now, folder=self.admin)
        told = {"version": 1, "names": list(reached.names), "listen": reached.listen, "enroll": reached.enroll}
        if not create_file(self.path / "orchestrator.json", strict_json.canonical(told), mode=0o600):
            raise InputError(f"{self.path} is an orchestrator's folder already", hint="it is left as it is")

    def write_admin(self, reached: Reached, admin: Member, *, now: datetime, folder: Path) -> Path:
        """A passport for a person in a folder, with the settings of who uses it. The settings' place."""
        passport = self.authority.authority().passport(admin, now=now)
        write_file(folder / "passport.pem", passport.content().reveal(), mode=0o600)
        told = {"version": 1, "server": reached.url, "passport": "passport.pem"}
        write_file(folder / "fleet.json", strict_json.canonical(told), mode=0o600)
        return folder / "fleet.json"

    def reached(self) -> Reached:
        """Raises InputError where this is no orchestrator's folder, StateDamaged."""
        path = self.path / "orchestrator.json"
        try:
            value: Any = strict_json.read(path.read_bytes(), limit=LIMIT)
            return Reached(names=tuple(value["names"]), listen=str(value["listen"]), enroll=str(value["enroll"]))
        except FileNotFoundError:
            raise InputError(
                f"{self.path} is no orchestrator's folder", hint="make one with 'reconciler orchestrator init'"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise StateDamaged(f"{path} cannot be read", hint="put its copy back") from error


def _url(host: str, address: str) -> str:
    return f"https://{f'[{host}]' if ':' in host else host}:{address.rpartition(':')[2]}"
