"""Actions on what is delivered into containers: declared files and opened secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reconciler.core.action.base import Action, Sign
from reconciler.core.delivery import Delivery


class DeliveryAction(Action):
    """Acts on the folders of this host from which files are mounted into containers."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverFiles(DeliveryAction):
    """Have these files on the host, with their content, mode and owner. Secrets are opened for it."""

    kind: ClassVar[str] = "deliver-files"
    sign: ClassVar[Sign] = "+"
    deliveries: tuple[Delivery, ...]

    @property
    def target(self) -> str:
        return ", ".join(item.name for item in self.deliveries)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectFiles(DeliveryAction):
    """Remove what was delivered for the document, except these versions."""

    kind: ClassVar[str] = "collect-files"
    sign: ClassVar[Sign] = "-"
    optional: ClassVar[bool] = True
    keep: frozenset[str] = frozenset()
