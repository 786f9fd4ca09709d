"""Answers of a real engine 20.10 (API 1.41), recorded; paths and names of the machine replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "fixtures"


def recorded(name: str) -> Any:
    """A fresh copy of one answer."""
    return json.loads((_FOLDER / f"{name}.json").read_text())
