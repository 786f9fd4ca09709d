"""The Observer: snapshots of the host with as few calls as possible.

Decides what has to be asked anew and what is still known. A quiet pass is one call, the list of containers; a
container is inspected when its row changed, an event named it, or the slow full period has passed. Only those
that could matter to a document are inspected at all. What the snapshot means is not decided here.

A list can be older than the event that woke us: engines announce that a container died before their list knows
of it. An inspect waits until it is so; where it contradicts the list, the inspect counts, and is not remembered.

Invariants: what is told from memory was so when its row was the same, no event has named it since, and it is no
older than one full period. What belongs to vanished containers is forgotten. Any number of threads may observe
at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from reconciler.core.desired import StickerPlace
from reconciler.core.interfaces import Deliveries, Deployments, Engine, Stickers
from reconciler.core.observation import (
    ContainerDetail,
    ContainerRow,
    DeliveryReading,
    DeploymentReading,
    EngineFacts,
    ImageFacts,
    Observation,
    StickerReading,
    Subject,
)
from reconciler.core.row_index import RowIndex
from reconciler.engine.memory import Memory
from reconciler.errors import EngineUnavailable

IMAGES_KEPT = 512


class Observer:
    """``full_every_s``: how long details may be told from memory. ``clock``: monotonic seconds. Without
    ``deployments`` the directories of projects are not read, without ``deliveries`` nothing that is delivered.
    """

    def __init__(
        self,
        engine: Engine,
        stickers: Stickers,
        *,
        full_every_s: float,
        clock: Callable[[], float],
        deployments: Deployments | None = None,
        deliveries: Deliveries | None = None,
    ) -> None:
        self._engine = engine
        self._stickers = stickers
        self._deployments = deployments
        self._deliveries = deliveries
        self._facts = Memory[str, EngineFacts](clock, max_age_s=full_every_s)
        self._details = Memory[str, ContainerDetail](clock, max_age_s=full_every_s)
        self._images = Memory[str, ImageFacts](clock, max_entries=IMAGES_KEPT)
        self._absent_images = Memory[str, None](clock, max_age_s=full_every_s, max_entries=IMAGES_KEPT)
        self._readings = Memory[StickerPlace, StickerReading](clock, max_age_s=full_every_s)
        self._rows = RowIndex(())
        self._touches = 0
        self._lock = threading.Lock()

    def observe(self, subjects: Sequence[Subject], *, full: bool = False) -> Observation:
        """A snapshot for these documents. ``full`` asks for everything anew.

        Raises EngineUnavailable, and what else the engine answers.
        """
        with self._forgetting_on_trouble():
            index = self._rows = self._rows.renewed(self._engine.list_containers())
            rows = index.rows
            self._details.keep({row.id for row in rows})
            found = (self._detail(row, full=full) for row in index.of_all(subjects))
            details = {detail.id: detail for detail in found if detail is not None}
            images = {detail.image_id: self._image(detail.image_id) for detail in details.values()}
            return Observation(
                engine=self._engine_facts(full=full),
                containers=tuple(_as_inspected(row, details.get(row.id)) for row in rows),
                details=details,
                images={image_id: facts for image_id, facts in images.items() if facts is not None},
                stickers=self._read_stickers(index, subjects, full=full),
                deployments=self._read_deployments(subjects),
                deliveries=self._read_deliveries(subjects),
            )

    def complete(self, observation: Observation, subjects: Sequence[Subject]) -> Observation:
        """The same snapshot with what is only needed to change something: which of the documents' images are on
        the host, the names of the networks, and the documents' stickers in volumes read anew (what made them
        differ may be an old reading).
        """
        references: dict[str, str | None] = dict(observation.references)
        images = dict(observation.images)
        with self._forgetting_on_trouble():
            for reference in {str(image): None for subject in subjects for image in subject.images}:
                facts = self._engine.inspect_image(reference)
                references[reference] = facts.id if facts else None
                if facts:
                    images[facts.id] = facts
                    self._images.put(facts.id, facts)
            networks = self._engine.list_networks()
            in_volumes = [subject for subject in subjects if subject.sticker.location == "volume"]
            readings = self._read_stickers(RowIndex(observation.containers), in_volumes, full=True)
        return replace(
            observation,
            references=references,
            images=images,
            networks=networks,
            stickers={**observation.stickers, **readings},
        )

    def touch(self, container_id: str) -> None:
        """Something happened to this container: look at it next time."""
        with self._lock:
            self._touches += 1
            self._details.forget(container_id)
            self._readings.forget_where(lambda under: isinstance(under, frozenset) and container_id in under)

    @contextmanager
    def _forgetting_on_trouble(self) -> Iterator[None]:
        """When the engine comes back it may be another one: a newer version, other defaults."""
        try:
            yield
        except EngineUnavailable:
            self._facts.clear()
            raise

    def _engine_facts(self, *, full: bool) -> EngineFacts:
        known = None if full else self._facts.get("engine")
        if known is None:
            known = self._engine.facts()
            self._facts.put("engine", known)
        return known

    def _detail(self, row: ContainerRow, *, full: bool) -> ContainerDetail | None:
        known = None if full else self._details.get(row.id, under=row)
        if known is None:
            touches = self._touches
            known = self._engine.inspect_container(row.id)
            with self._lock:
                untouched = touches == self._touches  # else it may have changed meanwhile
                if known is not None and untouched and known.status == row.status:
                    self._details.put(row.id, known, under=row)
        return known

    def _image(self, image_id: str) -> ImageFacts | None:
        known = self._images.get(image_id)
        if known is None and not self._absent_images.has(image_id):
            known = self._engine.inspect_image(image_id)
            if known is None:
                self._absent_images.put(image_id, None)
            else:
                self._images.put(image_id, known)
        return known

    def _read_stickers(
        self, index: RowIndex, subjects: Sequence[Subject], *, full: bool
    ) -> Mapping[str, StickerReading]:
        readings = {}
        for subject in subjects:
            reading = (
                self._stickers.read(subject.sticker, helper="")
                if subject.sticker.location == "host"
                else self._volume_sticker(index, subject, full=full)
            )
            if reading is not None:
                readings[subject.name] = reading
        return readings

    def _read_deployments(self, subjects: Sequence[Subject]) -> Mapping[str, DeploymentReading]:
        """Read in every pass: the store asks for a file's content only when the file has changed."""
        store = self._deployments
        if store is None:
            return {}
        return {item.name: store.read(item.directory, item.files) for item in subjects if item.directory}

    def _read_deliveries(self, subjects: Sequence[Subject]) -> Mapping[str, DeliveryReading]:
        """Read in every pass, also where nothing is wanted: the store reads a file or opens a secret only
        when something has changed.
        """
        store = self._deliveries
        if store is None:
            return {}
        return {item.name: store.read(item.name, item.deliveries, item.variables) for item in subjects}

    def _volume_sticker(self, index: RowIndex, subject: Subject, *, full: bool) -> StickerReading | None:
        """Reading one takes a helper container, so it is told from memory while the document's containers are the
        same. None when no image is there to make a helper of: then nothing of the document has run here.
        """
        own = index.of(subject)
        under = frozenset(row.id for row in own)
        known = None if full else self._readings.get(subject.sticker, under=under)
        if known is None:
            helper = self._helper_image(own, subject)
            if helper is None:
                return None
            touches = self._touches
            known = self._stickers.read(subject.sticker, helper=helper)
            with self._lock:
                if touches == self._touches:
                    self._readings.put(subject.sticker, known, under=under)
        return known

    def _helper_image(self, own: Sequence[ContainerRow], subject: Subject) -> str | None:
        """An image that is on the host: a container's own, the wanted one, or one of the history."""
        if own:
            return own[0].image_id
        candidates = (*map(str, subject.images), *sorted(subject.image_ids))
        return next((image for image in candidates if self._engine.inspect_image(image) is not None), None)


def _as_inspected(row: ContainerRow, detail: ContainerDetail | None) -> ContainerRow:
    """The row, with the state that an inspect told after it was listed."""
    return row if detail is None or detail.status == row.status else replace(row, status=detail.status)
