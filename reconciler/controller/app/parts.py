"""The parts that a command and the running controller share, made from the settings."""

from __future__ import annotations

import os
import pwd
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from reconciler.audit import AuditLog
from reconciler.compose.client import DockerCompose
from reconciler.config import Settings
from reconciler.controller.app.audit import audit_of
from reconciler.controller.assess import Assessor
from reconciler.controller.beside import ALONE, Beside
from reconciler.controller.catalogue import Catalogue
from reconciler.controller.conclude import Conclusion
from reconciler.controller.fail_points import fail_points
from reconciler.controller.loop import Reconciler
from reconciler.controller.perform import Performer
from reconciler.controller.permitted_stickers import PermittedStickers
from reconciler.controller.readings import Readings
from reconciler.controller.recordable import Recordable
from reconciler.controller.recorder import Books
from reconciler.core.delivery import Places
from reconciler.core.desired import DesiredState
from reconciler.core.record import Event
from reconciler.credentials.identities import Identities
from reconciler.credentials.logins import Logins
from reconciler.deliveries import DeliveryStore
from reconciler.deployments import DeploymentStore
from reconciler.engine.client import DockerEngine
from reconciler.engine.itself import own_ids
from reconciler.engine.observe import Observer
from reconciler.executors.compose import ComposeExecutor
from reconciler.executors.delivery import DeliveryExecutor
from reconciler.executors.docker import DockerExecutor
from reconciler.executors.record import RecordExecutor
from reconciler.executors.signatures import SignatureExecutor
from reconciler.history import History
from reconciler.metrics import Meters
from reconciler.policy_file import PolicyFile, policy_of_host
from reconciler.registry.client import RegistryClient
from reconciler.signatures.check import SignatureCheck
from reconciler.signatures.keys import read_key
from reconciler.sources.files import FolderSource, Source
from reconciler.sources.provenance import Provenance
from reconciler.sources.remote import CombinedSource, split
from reconciler.spec.build import build
from reconciler.state_dir import StateDir
from reconciler.sticker_store import StickerStore

STICKER_KEY = "sticker.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What both ways in share."""

    settings: Settings
    state: StateDir
    history: History
    audit: AuditLog
    provenance: Provenance
    engine: DockerEngine
    compose: DockerCompose
    deployments: DeploymentStore
    deliveries: DeliveryStore
    stickers: PermittedStickers
    assessor: Assessor
    policy: PolicyFile
    meters: Meters
    actor: Callable[[DesiredState], str]

    @property
    def recordable(self) -> Recordable:
        return Recordable(history=self.history, audit=self.audit, check_room=self.state.check_room)

    def record_executor(self) -> RecordExecutor:
        return RecordExecutor(self.history, self.stickers, key=self.assessor.key, actor=self._actor_of)

    def signature_executor(self) -> SignatureExecutor:
        registry = RegistryClient(self.engine.login_for)
        return SignatureExecutor(self.engine, SignatureCheck(registry, self.state.signatures))

    def _actor_of(self, name: str) -> str:
        desired = self.assessor.catalogue.desired().get(name)
        return self.actor(desired) if desired else local_user()

    def reconciler(
        self,
        *,
        sleep: Callable[[float], None],
        linger: Callable[[float], None],
        stopping: Callable[[], bool],
        readings: Readings,
        engine_breaks: Callable[[], int] = lambda: 0,
        beside: Beside = ALONE,
    ) -> Reconciler:
        """The pass over single documents. ``sleep`` may raise Interrupted, ``linger`` does it later.
        ``engine_breaks`` counts how often the engine may have died (0 where nobody listens to its events).
        ``beside``: who works beside the controller.
        """

        def record_event(event: Event) -> None:
            self.history.add_event(event)
            beside.recorded()

        docker = DockerExecutor(
            self.engine,
            self.history,
            clock=time.monotonic,
            sleep=sleep,
            linger=linger,
            pull_deadline_s=self.settings.pull_deadline_s,
            engine_breaks=engine_breaks,
            deliveries=self.deliveries,
        )
        compose = ComposeExecutor(
            self.engine,
            self.history,
            compose=self.compose,
            deployments=self.deployments,
            places=self.assessor.places,
            deliveries=self.deliveries,
            clock=time.monotonic,
            sleep=sleep,
            engine_breaks=engine_breaks,
        )
        performer = Performer(
            (
                docker,
                compose,
                DeliveryExecutor(self.deliveries),
                self.signature_executor(),
                self.record_executor(),
            ),
            books=Books(record_event=record_event, audit=self.audit),
            meters=self.meters,
            fail_points=fail_points(os.environ),
        )
        return Reconciler(
            assessor=self.assessor,
            performer=performer,
            conclusion=Conclusion(journal=self.history, clock=time.time, chance=random.random),
            actor=self.actor,
            origin=self.provenance.origin,
            may_act=self.state.still_locked,
            stopping=stopping,
            before_acting=self.recordable.before_acting,
            may_begin=beside.may_begin,
            task=beside.task,
            assessed=readings.assessed,
            passed=readings.passed,
        )


@contextmanager
def open_parts(settings: Settings, *, exclusive: bool, actor: Callable[[DesiredState], str]) -> Iterator[Parts]:
    """Open the state directory, the history and the way to the engine; read the folder.

    ``exclusive`` takes the lock of the state directory first. Raises StateLocked and other StateErrors,
    InvalidSettings for a policy that cannot be read or is wrong.
    """
    policy = policy_of_host(
        settings.policy,
        needed=settings.policy_needed,
        engine=settings.engine,
        places=settings.own_places,
        read_key=read_key,
    )
    policy.load()
    with ExitStack() as stack:
        state = StateDir(settings.state_dir)
        if exclusive:
            stack.enter_context(state.lock())
        history = History.open(state.history, clock=time.time, rebuild=build)
        stack.callback(history.close)
        audit = audit_of(settings, state)
        if exclusive:
            audit.take_over()
        identities = Identities(settings.identity)
        logins = Logins(
            settings.registry_credentials,
            needed=settings.registry_credentials_needed,
            open_sealed=identities.open,
        )
        engine = DockerEngine(
            settings.engine, clock=time.time, logins=logins.login_for, change_s=settings.engine_timeout_s
        )
        stack.callback(engine.close)
        stickers = PermittedStickers(StickerStore(engine), policy.current)
        source = source_of(settings, state, history)
        catalogue = Catalogue(source, history)
        if exclusive:
            catalogue.remember()
        catalogue.reload()
        deployments = DeploymentStore()
        places = places_of(settings, owner=history.owner)
        deliveries = DeliveryStore(
            places, identities.open, local=settings.engine.startswith("unix://"), identity=identities.state
        )
        observer = Observer(
            engine,
            stickers,
            full_every_s=settings.full_every_s,
            clock=time.monotonic,
            deployments=deployments,
            deliveries=deliveries,
        )
        assessor = Assessor(
            catalogue=catalogue,
            observer=observer,
            journal=history,
            key=state.key(STICKER_KEY),
            clock=time.time,
            busy=state.held_by,
            places=places,
            policy=policy.current,
            own=own_ids(),
        )
        yield Parts(
            settings=settings,
            state=state,
            history=history,
            audit=audit,
            provenance=Provenance(settings.desired, source.digest),
            engine=engine,
            compose=DockerCompose(settings.engine),
            deployments=deployments,
            deliveries=deliveries,
            stickers=stickers,
            assessor=assessor,
            policy=policy,
            meters=Meters(),
            actor=actor,
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


def local_user() -> str:
    """The actor of a command: the person at the terminal, as the system knows them. Behind sudo its word counts;
    an environment that anybody can set does not.
    """
    user = os.getuid()
    if user == 0 and os.environ.get("SUDO_USER"):
        return f"user:{os.environ['SUDO_USER']}"
    try:
        return f"user:{pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"user:{user}"
