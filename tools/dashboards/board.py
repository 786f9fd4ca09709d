"""A dashboard: its name, its variables and its panels, laid out from left to right and from top to bottom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.dashboards.panel import COLUMNS, SOURCE, Json, Panel

SCHEMA = 39
"""Grafana's version of the form: that of Grafana 10.4; later ones read it."""

INSTANCE = ("instance", 'label_values(reconciler_build_info{job="reconciler"}, instance)')
TARGET = ("target", 'label_values(reconciler_document_info{job="reconciler", instance=~"$instance"}, target)')
DOCUMENT = (
    "document",
    'label_values(reconciler_document_info{job="reconciler", instance=~"$instance"}, document)',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """``uid`` stays the same for ever: links and bookmarks use it. ``variables``: names and what fills them."""

    uid: str
    title: str
    description: str
    variables: Sequence[tuple[str, str]]
    panels: Sequence[Panel]

    def text(self) -> str:
        """The file."""
        return json.dumps(self.json(), indent=2) + "\n"

    def json(self) -> Json:
        """As Grafana wants it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["reconciler"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "links": [
                {
                    "type": "dashboards",
                    "title": "reconciler",
                    "tags": ["reconciler"],
                    "keepTime": True,
                    "asDropdown": True,
                }
            ],
            "templating": {"list": [_source(), *(_variable(name, query) for name, query in self.variables)]},
            "annotations": {"list": []},
            "panels": list(self._placed()),
        }

    def _placed(self) -> Iterator[Json]:
        x = y = height = 0
        for number, panel in enumerate(self.panels, start=1):
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            yield panel.json(number, x, y)
            x, height = x + panel.width, max(height, panel.height)


def _source() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0}


def _variable(name: str, query: str) -> Json:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }
