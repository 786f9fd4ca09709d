"""Opens the parts of one host in their order: the lock of the state directory before anything is read or written.

Each part is made when it is first asked for, and kept; what has to be closed is closed with the stack.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

from reconciler.audit import AuditLog
from reconciler.compose.client import DockerCompose
from reconciler.config import Settings
from reconciler.controller.app.audit import audit_of
from reconciler.controller.app.parts import Parts
from reconciler.controller.assess import Assessor
from reconciler.controller.catalogue import Catalogue
from reconciler.controller.permitted_stickers import PermittedStickers
from reconciler.core.delivery import Places
from reconciler.core.desired import DesiredState
from reconciler.credentials.identities import Identities
from reconciler.credentials.logins import Logins
from reconciler.deliveries import DeliveryStore
from reconciler.deployments import DeploymentStore
from reconciler.engine.client import DockerEngine
from reconciler.engine.itself import own_ids
from reconciler.engine.observe import Observer
from reconciler.history import History
from reconciler.metrics import Meters
from reconciler.policy_file import PolicyFile, policy_of_host
from reconciler.signatures.keys import read_key
from reconciler.sources.files import FolderSource, Source
from reconciler.sources.provenance import Provenance
from reconciler.sources.remote import CombinedSource, split
from reconciler.spec.build import build
from reconciler.state_dir import StateDir
from reconciler.sticker_store import StickerStore

STICKER_KEY = "sticker.key"


@contextmanager
def open_parts(settings: Settings, *, exclusive: bool, actor: Callable[[DesiredState], str]) -> Iterator[Parts]:
    """Open the state directory, the history and the way to the engine; read the folder.

    ``exclusive`` takes the lock of the state directory first. Raises StateLocked and other StateErrors,
    InvalidSettings for a policy that cannot be read or is wrong.
    """
    with ExitStack() as stack:
        opening = _Opening(settings=settings, exclusive=exclusive, stack=stack)
        opening.policy.load()
        yield Parts(
            settings=settings,
            state=opening.state,
            history=opening.history,
            audit=opening.audit,
            provenance=Provenance(settings.desired, opening.source.digest),
            engine=opening.engine,
            compose=DockerCompose(settings.engine),
            deployments=opening.deployments,
            deliveries=opening.deliveries,
            stickers=opening.stickers,
            assessor=opening.assessor,
            policy=opening.policy,
            meters=Meters(),
            actor=actor,
        )


@dataclass(kw_only=True)
class _Opening:
    """What is opened so far."""

    settings: Settings
    exclusive: bool
    stack: ExitStack

    @cached_property
    def policy(self) -> PolicyFile:
        return policy_of_host(
            self.settings.policy,
            needed=self.settings.policy_needed,
            engine=self.settings.engine,
            places=self.settings.own_places,
            read_key=read_key,
        )

    @cached_property
    def state(self) -> StateDir:
        state = StateDir(self.settings.state_dir)
        if self.exclusive:
            self.stack.enter_context(state.lock())
        return state

    @cached_property
    def history(self) -> History:
        history = History.open(self.state.history, clock=time.time, rebuild=build)
        self.stack.callback(history.close)
        return history

    @cached_property
    def audit(self) -> AuditLog:
        audit = audit_of(self.settings, self.state)
        if self.exclusive:
            audit.take_over()
        return audit

    @cached_property
    def identities(self) -> Identities:
        return Identities(self.settings.identity)

    @cached_property
    def engine(self) -> DockerEngine:
        logins = Logins(
            self.settings.registry_credentials,
            needed=self.settings.registry_credentials_needed,
            open_sealed=self.identities.open,
        )
        settings = self.settings
        engine = DockerEngine(
            settings.engine, clock=time.time, logins=logins.login_for, change_s=settings.engine_timeout_s
        )
        self.stack.callback(engine.close)
        return engine

    @cached_property
    def stickers(self) -> PermittedStickers:
        return PermittedStickers(StickerStore(self.engine), self.policy.current)

    @cached_property
    def source(self) -> Source:
        return source_of(self.settings, self.state, self.history)

    @cached_property
    def catalogue(self) -> Catalogue:
        catalogue = Catalogue(self.source, self.history)
        if self.exclusive:
            catalogue.remember()
        catalogue.reload()
        return catalogue

    @cached_property
    def deployments(self) -> DeploymentStore:
        return DeploymentStore()

    @cached_property
    def places(self) -> Places:
        return places_of(self.settings, owner=self.history.owner)

    @cached_property
    def deliveries(self) -> DeliveryStore:
        local = self.settings.engine.startswith("unix://")
        return DeliveryStore(self.places, self.identities.open, local=local, identity=self.identities.state)

    @cached_property
    def observer(self) -> Observer:
        return Observer(
            self.engine,
            self.stickers,
            full_every_s=self.settings.full_every_s,
            clock=time.monotonic,
            deployments=self.deployments,
            deliveries=self.deliveries,
        )

    @cached_property
    def assessor(self) -> Assessor:
        return Assessor(
            catalogue=self.catalogue,
            observer=self.observer,
            journal=self.history,
            key=self.state.key(STICKER_KEY),
            clock=time.time,
            busy=self.state.held_by,
            places=self.places,
            policy=self.policy.current,
            own=own_ids(),
        )


def source_of(settings: Settings, state: StateDir, history: History) -> Source:
    """The folder of documents; on a host with an agent, what its orchestrator wishes for beside it. Such a host's
    target is the name that it has in the fleet, where the settings say no other.
    """
    target, remembered = settings.target or state.agent_name or None, history.accepted()
    if not state.remote_documents.is_dir():
        return FolderSource(settings.desired, target=target, remember=remembered)
    own, theirs = split(remembered)
    return CombinedSource(
        FolderSource(settings.desired, target=target, remember=own),
        FolderSource(state.remote_documents, target=target, may_be_empty=True, remember=theirs),
        remember=remembered,
    )


def places_of(settings: Settings, *, owner: str) -> Places:
    """Where this installation delivers, as the engine tells it of mounts: without links."""
    return Places(
        files=str(settings.state_dir.resolve() / "files"), secrets=str(settings.secrets_dir.resolve() / owner)
    )
