"""Creating a container: once, journalled, and read back.

An answer of the engine may be lost after it has created the container, so we look for the mark of the operation
before creating and again when the answer is missing. The id goes to the history right after; then the
container is compared with what was asked, because engines drop options without a word.

A secret that is wanted as a variable is opened for the one call that creates, and is in no Action, outcome, error.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from reconciler.core import names
from reconciler.core.action import CreateContainer
from reconciler.core.interfaces import Engine, Journal
from reconciler.core.observation import ContainerDetail
from reconciler.core.outcome import Outcome
from reconciler.errors import ContainerGone, EngineUnavailable, NameTaken, VerificationFailed
from reconciler.executors.discretion import Discretion, NoSecrets, missing_variables
from reconciler.executors.lookup import ContainerLookup
from reconciler.executors.read_back import dropped_fields, missing_labels


class ContainerCreation:
    """Carries out ``CreateContainer``. ``wall_clock``: seconds since the epoch, for the label only."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        *,
        lookup: ContainerLookup,
        wall_clock: Callable[[], float],
        discretion: Discretion | None = None,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._lookup = lookup
        self._wall_clock = wall_clock
        self._discretion = discretion or NoSecrets()

    def perform(self, action: CreateContainer) -> Outcome:
        """Raises what creating raises, and VerificationFailed when the engine made something else."""
        generation = action.container.generation
        recorded = self._lookup.recorded_id(action.document, generation)
        found = self._engine.inspect_container(recorded) if recorded else None
        there = found.id if found else self._marked(action)
        container_id = there or self._create(action)
        if container_id != recorded:
            self._journal.created(action.document, generation, container_id=container_id)
        detail = self._read_back(action, found or self._engine.inspect_container(container_id))
        return Outcome(
            kind="already" if there else "done",
            action=action,
            container_id=container_id,
            image_id=detail.image_id,
        )

    def _marked(self, action: CreateContainer) -> str:
        """By mark and name: a copy of our labels cannot hold the name that ours was created with."""
        rows = self._lookup.marked(action.document, action.container.generation)
        return next((row.id for row in rows if row.name == action.container.name), "")

    def _create(self, action: CreateContainer) -> str:
        deployed_at = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        labels = {**action.labels, names.DEPLOYED_AT: deployed_at}
        config = self._discretion.opened(action.config, action.variables)
        try:
            return self._engine.create(action.container.name, image=action.image, config=config, labels=labels)
        except (EngineUnavailable, NameTaken):
            # The answer, or the answer to a first try of the client's, may have been lost.
            container_id = self._marked(action)
            if not container_id:
                raise
            return container_id

    def _read_back(self, action: CreateContainer, detail: ContainerDetail | None) -> ContainerDetail:
        if detail is None:
            raise ContainerGone(f"container {action.container} vanished right after it was created")
        image = self._engine.inspect_image(str(action.image))
        wrong = [
            *missing_variables(action.variables, detail.config.environment),
            *dropped_fields(action.config, detail.config, image=image, engine=self._engine.known_facts()),
            *(f"label {key}" for key in missing_labels(action.labels, detail.config.labels)),
            *([] if image is not None and image.id == detail.image_id else ["image"]),
        ]
        if wrong:
            raise VerificationFailed(
                f"created {action.container}, but the engine did not take: {', '.join(wrong)}",
                hint="this engine or its kernel does not support it; change the document",
            )
        return detail
