"""Credentials of a task: opened in memory, for the work that they were sealed for.

    registries      logins, as the host's own file of logins has them: lent to the engine while the task is at work
    secret/NAME     the value of a secret that the task's document names and does not bring

A secret becomes one of the document, encrypted anew for this host's identity: the release needs it as long as it
may be started again, and from then on it is delivered, exchanged and masked like every other. What is sealed in
the task goes with the task. No value is kept here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reconciler.agent.enrolment import sealing_keys
from reconciler.agent.place import AgentPlace
from reconciler.agent.work import Ended, refused
from reconciler.core.desired import DesiredState
from reconciler.core.login import Login
from reconciler.core.secret import Secret
from reconciler.credentials.identities import Identities
from reconciler.credentials.login_file import Entry, find_entry, read_entries
from reconciler.engine.registry_logins import FindLogin
from reconciler.errors import SecretSealed
from reconciler.protocol.message.task import AgentTask, binding_of
from reconciler.protocol.wire.codec import to_json
from reconciler.sealing.binding import Binding
from reconciler.sealing.boxes import read_sealed
from reconciler.spec.problem import Wrong

REGISTRIES: Final = "registries"
SECRET: Final = "secret/"  # noqa: S105  (the beginning of a name)
ENCRYPTED: Final = "encrypted"
OF_TASK: Final = "task"
"""What may stand in place of the encrypted value that the task brings; as good as nothing."""

Lend = Callable[[FindLogin], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a task brought. ``secrets`` by the names that the document has for them."""

    logins: tuple[Entry, ...] = ()
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    def login_for(self, repository: str) -> Login | None:
        """Of the longest prefix."""
        entry = find_entry(self.logins, repository)
        if entry is None:
            return None
        remedy = "send the task again with the right one"
        return replace(entry.login, origin=f"{entry.prefix} in the task's credentials", remedy=remedy)


NOTHING: Final = Opened()


class Credentials:
    """``identities`` are those of this host; ``lend`` gives logins to the engine for as long. Blocks."""

    def __init__(self, place: AgentPlace, identities: Identities, lend: Lend) -> None:
        self._place = place
        self._identities = identities
        self._lend = lend

    def opened(self, task: AgentTask) -> Opened:
        """Nothing where the task brings none. Raises Ended where they do not open, or are none that are known."""
        if task.credentials is None:
            return NOTHING
        bound = binding_of(task)
        wanted = Binding(agent=bound.agent, task=bound.task, generation=bound.generation, expires=bound.expires)
        try:
            sealed = read_sealed(to_json(task.credentials))
            return _read(sealing_keys(self._place).open(sealed, wanted, now=time.time()))
        except SecretSealed as error:
            raise Ended(refused("credentials", str(error))) from error

    def lent(self, opened: Opened, desired: Callable[[], DesiredState | None]) -> AbstractContextManager[None]:
        """The logins are the engine's, for the images of this document alone."""

        def find(repository: str) -> Login | None:
            found = desired()
            return opened.login_for(repository) if found and repository in _repositories(found) else None

        return self._lend(find) if opened.logins else nullcontext()

    def filled(
        self, document: Mapping[str, Any], secrets: Mapping[str, Secret], former: DesiredState | None
    ) -> Mapping[str, Any]:
        """The document with these secrets in it, encrypted for this host. One whose value is that of ``former``
        stays as it is encrypted there, so that nothing is replaced for it. Raises Ended.
        """
        if not secrets:
            return document
        spec = document.get("spec", {})
        config = spec.get("config", {})
        named = [item for item in config.get("secrets", ()) if isinstance(item, Mapping)]
        lacking = {str(item.get("name")) for item in named if item.get(ENCRYPTED, OF_TASK) == OF_TASK}
        if strange := sorted(secrets.keys() - lacking):
            told = f"the document names no secret {strange[0][:80]} without a value"
            raise Ended(refused("credentials", told))
        try:
            values = {name: self._encrypted(name, value, former) for name, value in secrets.items()}
        except SecretSealed as error:
            raise Ended(refused("credentials", str(error))) from error
        complete = [
            {**item, ENCRYPTED: values[str(item["name"])]} if item.get("name") in values else item
            for item in config["secrets"]
        ]
        return {**document, "spec": {**spec, "config": {**config, "secrets": complete}}}

    def _encrypted(self, name: str, value: Secret, former: DesiredState | None) -> str:
        from reconciler.credentials import age  # noqa: PLC0415  (most tasks bring none)

        for sealed in _sealed(name, former):
            try:
                if self._identities.open(sealed) == value:
                    return sealed
            except SecretSealed:
                continue  # of a key that is gone: it is encrypted anew
        recipients = self._identities.recipients()
        if not recipients:
            raise SecretSealed(
                f"the identity {self._identities.path} has no age key, for which secrets could be encrypted",
                hint="'reconciler secret keygen' makes one",
            )
        return age.seal(value, recipients)


def _read(values: Mapping[str, Secret]) -> Opened:
    """Raises Ended for what is not known, without telling a value."""
    secrets = {name.removeprefix(SECRET): value for name, value in values.items() if name.startswith(SECRET)}
    strange = sorted(name for name in values if name != REGISTRIES and not name.startswith(SECRET))
    if strange:
        raise Ended(refused("credentials", f"{strange[0][:80]} is neither {REGISTRIES} nor {SECRET}NAME"))
    logins: tuple[Entry, ...] = ()
    if REGISTRIES in values:
        try:
            logins = read_entries(values[REGISTRIES].reveal())
        except Wrong as error:
            raise Ended(refused("credentials", f"the logins of the task are wrong: {error}")) from None
    if any(entry.helper for entry in logins):
        raise Ended(
            refused("credentials", "a login of a task names a helper, which would be a program of this host")
        )
    return Opened(logins=logins, secrets=secrets)


def _repositories(desired: DesiredState) -> frozenset[str]:
    images = (*desired.images, *(hook.image for hook in desired.hooks))
    return frozenset(image.repository for image in images)


def _sealed(name: str, former: DesiredState | None) -> Iterator[str]:
    if former is None:
        return
    yield from (item.sealed for item in former.deliveries if item.name == name and item.secret)
    yield from (item.sealed for item in former.variables if item.name == name)
