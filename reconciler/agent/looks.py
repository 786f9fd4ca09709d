"""Tasks that look, and the one that writes a sticker: answered from the same assessing as everything else.

What is answered goes to another host: it holds what the status shows, whose secrets are masked, and of stickers
only what is one.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from reconciler.agent.http_check import address_of, ask
from reconciler.agent.reports import observed, running_release, word
from reconciler.agent.work import Work, account_of, expect
from reconciler.controller.app import Parts
from reconciler.core import names
from reconciler.core.audit import Deed
from reconciler.core.desired import DesiredState, StickerPlace
from reconciler.core.evidence import spoken
from reconciler.core.observation import ContainerRow
from reconciler.core.policy_mounts import sticker_place
from reconciler.core.project import PROJECT_LABEL
from reconciler.core.record import helper_image
from reconciler.core.status import DocumentStatus
from reconciler.core.status_json import status_json, timestamp
from reconciler.core.sticker import judge as judge_sticker
from reconciler.errors import InputError, ReconcilerError
from reconciler.executors.discretion import DeliveredSecrets
from reconciler.policy_file import leads_to
from reconciler.protocol.message.payload import (
    HealthCheckPayload,
    InspectPayload,
    ReadStickerPayload,
    WriteStickerPayload,
)
from reconciler.protocol.message.result import TaskMetrics
from reconciler.protocol.message.task import AgentTask
from reconciler.protocol.session.work import WorkReport

LOG_LINES: Final = 200
LOG_BYTES: Final = 64 << 10
EVENTS: Final = 50
BY_DEFAULT: Final = ("containers", "drift")


class Looks:
    """``parts`` are those of this host's controller."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._records = parts.record_executor()
        self._secrets = DeliveredSecrets(parts.deliveries, parts.history)

    # ---- health-check

    async def health_check(self, work: Work) -> WorkReport:
        """By the container's own check, or over HTTP."""
        name, payload = _document(work), work.task.payload
        assert isinstance(payload, HealthCheckPayload)  # noqa: S101  (its schema says so)
        began = time.monotonic()
        status = await asyncio.to_thread(self.status, name)
        outputs: dict[str, Any] = {"health": word(status.health), "reason": status.reason}
        well = status.health == "Healthy"
        if payload.http is not None:
            url = address_of(name, await asyncio.to_thread(self._rows, name), payload.http)
            answer, well = await ask(url, payload.http)
            outputs["http"] = answer
        seen = observed(status, work.task.generation)
        metrics = TaskMetrics(health_check_duration_ms=round((time.monotonic() - began) * 1000))
        if well:
            return WorkReport(outcome="succeeded", observed=seen, outputs=outputs, metrics=metrics)
        told = outputs.get("http") or f"it is {word(status.health)}"
        return WorkReport(
            outcome="failed",
            observed=seen,
            outputs=outputs,
            error=f"{name} is not healthy: {told}",
            error_type="unhealthy",
            retriable=True,
            metrics=metrics,
        )

    # ---- inspect

    async def inspect(self, work: Work) -> WorkReport:
        """What is asked for of the document; where none is named, how each of this host's documents stands."""
        payload = work.task.payload
        assert isinstance(payload, InspectPayload)  # noqa: S101  (its schema says so)
        if work.task.document is None and not payload.include:
            return WorkReport(outcome="succeeded", outputs=await asyncio.to_thread(self._all))
        name = _document(work)
        status = await asyncio.to_thread(self.status, name)
        outputs: dict[str, Any] = {"status": _without_none(status_json(status))}
        for part in payload.include or BY_DEFAULT:
            outputs[part] = await asyncio.to_thread(self._part, part, name, payload)
        seen = observed(status, work.task.generation)
        return WorkReport(outcome="succeeded", observed=seen, outputs=outputs)

    def _all(self) -> dict[str, Any]:
        found = self._parts.assessor.assess()
        statuses = (item.status(self._parts.history.drift_since(item.plan.document)) for item in found)
        return {"documents": [_standing(status) for status in statuses]}

    def _part(self, part: str, name: str, payload: InspectPayload) -> Any:
        match part:
            case "containers":
                return [_row(row) for row in self._rows(name)]
            case "drift":
                return [
                    {"kind": item.kind, "path": item.path, "wanted": item.wanted, "found": item.found}
                    for item in self.status(name).drift
                ]
            case "history":
                return self._history(name)
            case "sticker":
                return self._sticker(name, None)
            case _:
                return self._logs(name, payload.log_lines or LOG_LINES)

    def _history(self, name: str) -> dict[str, Any]:
        record = self._parts.history.record(name)
        operations = [
            {
                "generation": item.generation,
                "kind": item.kind,
                "state": item.state,
                "failure": item.failure,
                "actor": item.actor,
                "startedAt": timestamp(item.started_at) or "",
                "endedAt": timestamp(item.ended_at) or "",
            }
            for item in record.operations[-EVENTS:]
        ]
        return {"operations": operations, "quarantined": sorted(record.quarantined.values())}

    def _logs(self, name: str, lines: int) -> dict[str, str]:
        engine, secrets = self._parts.engine, self._secrets.words(name)
        found = {}
        for row in self._rows(name):
            detail = engine.inspect_container(row.id)
            if detail is not None:
                said = engine.logs(row.id, lines=lines)
                environment = detail.config.environment or {}
                found[row.name] = spoken(said, environment=environment, opened=secrets, limit=LOG_BYTES)
        return found

    # ---- stickers

    async def read_sticker(self, work: Work) -> WorkReport:
        """The document's own, or one at a place that the host's policy lets stickers be."""
        name, payload = _document(work), work.task.payload
        assert isinstance(payload, ReadStickerPayload)  # noqa: S101  (its schema says so)
        outputs = await asyncio.to_thread(self._sticker, name, payload)
        return WorkReport(outcome="succeeded", outputs=outputs)

    async def write_sticker(self, work: Work) -> WorkReport:
        """Of what is committed, at the document's place or another that the policy allows."""
        name, payload = _document(work), work.task.payload
        assert isinstance(payload, WriteStickerPayload)  # noqa: S101  (its schema says so)
        expect(work.task, await asyncio.to_thread(self.running, name))
        await work.pass_no_return()
        written = await asyncio.to_thread(self._write_sticker, work.task, name, payload)
        return WorkReport(outcome="succeeded", outputs={"written": written})

    def _write_sticker(self, task: AgentTask, name: str, payload: WriteStickerPayload) -> bool:
        """In the audit log before it is done, and with what came of it."""
        desired = self._desired(name)
        deed = Deed(document=name, action="write-sticker", target=desired.sticker.path, account=account_of(task))
        number = self._parts.audit.intent(deed)
        try:
            written = self._written(desired, payload)
        except ReconcilerError as error:
            self._parts.audit.outcome(number, deed, outcome="failed", detail=str(error))
            raise
        self._parts.audit.outcome(number, deed, outcome="done" if written else "already", detail="")
        return written

    def _written(self, desired: DesiredState, payload: WriteStickerPayload) -> bool:
        return self._records.write_sticker(replace(desired, sticker=self._place(desired, payload)))

    def _sticker(self, name: str, payload: ReadStickerPayload | None) -> dict[str, Any]:
        desired, record = self._desired(name), self._parts.history.record(name)
        place = self._place(desired, payload) if payload else desired.sticker
        reading = self._parts.stickers.read(place, helper=helper_image(record, desired))
        state = judge_sticker(reading, record, desired, self._parts.assessor.key)
        found: dict[str, Any] = {"state": word(state), "path": place.path, "location": place.location}
        try:
            content = json.loads(reading.content)
        except ValueError:
            return found
        return {**found, "sticker": content} if isinstance(content, dict) and _plain(content) else found

    def _place(self, desired: DesiredState, payload: ReadStickerPayload | WriteStickerPayload) -> StickerPlace:
        """Raises InputError where the host's policy lets no sticker be."""
        location = payload.sticker_location or desired.sticker.location
        place = StickerPlace(
            location=location,
            path=payload.sticker_path or desired.sticker.path,
            volume=(payload.sticker_volume or desired.sticker.volume) if location == "volume" else "",
        )
        if place == desired.sticker:
            return place
        policy = self._parts.policy.current()
        links = leads_to((place.path,)) if location == "host" else {}
        for denied in sticker_place(place, policy, links):
            raise InputError(
                f"the host's policy refuses a sticker at {place.path} (rule {denied.rule})",
                hint=denied.allow(policy),
            )
        return place

    # ---- within

    def status(self, name: str) -> DocumentStatus:
        """As it is now. Raises UnknownDocument, EngineUnavailable."""
        (found,) = self._parts.assessor.assess((name,), full=True)
        return found.status(self._parts.history.drift_since(name))

    def running(self, name: str) -> str:
        """The release that is committed; "" where none is."""
        return running_release(self._parts.history.record(name))

    def _desired(self, name: str) -> DesiredState:
        records = self._parts.history.records()
        return self._parts.assessor.catalogue.choose((name,), records)[name]

    def _rows(self, name: str) -> list[ContainerRow]:
        """Containers of the document that are its own by label, or of its project."""
        desired = self._desired(name)
        project = desired.project.name if desired.project else ""
        return [
            row
            for row in self._parts.engine.list_containers()
            if row.labels.get(names.DOCUMENT) == name
            or row.name in desired.container_names
            or (project and row.labels.get(PROJECT_LABEL) == project)
        ]


def _document(work: Work) -> str:
    if work.task.document is None:
        raise InputError("the task names no document")
    return work.task.document


def _row(row: ContainerRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "imageId": row.image_id,
        "status": row.status,
        "health": row.health,
        "ports": [str(port) for port in row.ports],
        "networks": list(row.networks),
    }


def _standing(status: DocumentStatus) -> dict[str, Any]:
    """In a few words: a host may have hundreds."""
    told = {
        "name": status.name,
        "kind": status.kind,
        "phase": word(status.phase),
        "sync": word(status.sync),
        "health": word(status.health),
        "release": status.running_release or None,
        "digest": status.running_digest or None,
    }
    return _without_none(told)


def _without_none(value: Mapping[str, Any]) -> dict[str, Any]:
    """Messages leave out what is not known."""
    return {
        key: _without_none(item) if isinstance(item, Mapping) else item
        for key, item in value.items()
        if item is not None
    }


def _plain(value: Any) -> bool:
    """Whether messages carry it: no fractions."""
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    return all(map(_plain, value)) if isinstance(value, list) else not isinstance(value, float)
