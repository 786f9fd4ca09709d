"""One panel of a dashboard as data, and the JSON that Grafana (10 and later, classic dashboards) wants of it.

A panel says what it asks and how it is to be read; where it stands follows from its size and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["stat", "timeseries", "table", "state-timeline", "status-history", "bargauge"]
Json = dict[str, Any]

SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
"""Of Grafana's grid."""

GOOD, WARNING, BAD, QUIET = "green", "orange", "red", "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """``legend`` names the series, in Grafana's braces. ``now``: the last value only, as a table wants it."""

    expr: str
    legend: str = ""
    now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """``unit`` is one of Grafana's. ``steps``: colours from a value on, the first from the beginning. ``words``:
    what is shown instead of a value. ``options`` and ``columns`` (a table's, in order) are laid over the usual.
    """

    title: str
    description: str
    kind: Kind
    queries: Sequence[Query]
    unit: str = "short"
    width: int = 12
    height: int = 8
    steps: Sequence[tuple[float | None, str]] = ((None, GOOD),)
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def json(self, number: int, x: int, y: int) -> Json:
        """As Grafana wants it, at this place of the grid."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [self._target(query, index) for index, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": {**_OPTIONS.get(self.kind, {}), **self.options},
            "transformations": self._transformations(),
        }

    def _target(self, query: Query, index: int) -> Json:
        return {
            "refId": "ABCDEFGH"[index],
            "datasource": SOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": query.now,
            "range": not query.now,
            "format": "table" if self.kind == "table" else "time_series",
        }

    def _defaults(self) -> Json:
        steps = [{"value": value, "color": color} for value, color in self.steps]
        defaults: Json = {"unit": self.unit, "thresholds": {"mode": "absolute", "steps": steps}}
        if len(steps) > 1 or self.kind != "timeseries":
            defaults["color"] = {"mode": "thresholds"}
        if self.words:
            shown = {
                value: {"text": text, "color": color, "index": index}
                for index, (value, (text, color)) in enumerate(self.words.items())
            }
            defaults["mappings"] = [{"type": "value", "options": shown}]
        return defaults

    def _transformations(self) -> list[Json]:
        """A table shows the columns that are named, under their titles, in their order."""
        if self.kind != "table":
            return []
        order = {name: place for place, name in enumerate(self.columns)}
        return [
            {"id": "merge", "options": {}},
            {"id": "filterFieldsByName", "options": {"include": {"names": list(self.columns)}}},
            {"id": "organize", "options": {"indexByName": order, "renameByName": dict(self.columns)}},
        ]


_OPTIONS: dict[Kind, Json] = {
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background_solid",
        "graphMode": "none",
        "textMode": "auto",
    },
    "bargauge": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "basic",
    },
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "state-timeline": {"mergeValues": True, "showValue": "auto", "rowHeight": 0.9},
    "status-history": {"showValue": "never", "rowHeight": 0.9},
    "table": {"showHeader": True, "cellHeight": "sm"},
}
