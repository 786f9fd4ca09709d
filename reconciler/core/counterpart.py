"""Counterpart: one container of a document beside what is wanted of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.observation import ContainerDetail, ContainerRow
from reconciler.core.situation import Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """``situation`` is as if a Container document had asked for this container alone. ``detail`` is None where the
    container was not inspected; ``prefix`` is what the paths of its Drift begin with. ``done``: it is a job that
    has ended well.
    """

    row: ContainerRow
    situation: Situation
    detail: ContainerDetail | None
    prefix: str = ""
    done: bool = False
