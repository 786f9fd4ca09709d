"""The JSON Schemas of the package by file name.

They lie in ``schemas/`` beside the package in a checkout, and in ``reconciler/schemas`` in an installed wheel.
What they mean is for those who read by them: ``spec`` for documents, ``protocol`` for messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any


@cache
def schema(name: str) -> Mapping[str, Any]:
    """A schema of the package by its file name."""
    installed = resources.files("reconciler") / "schemas" / name
    beside = Path(__file__).parents[1] / "schemas" / name
    text = (installed if installed.is_file() else beside).read_text(encoding="utf-8")
    content: Mapping[str, Any] = json.loads(text)
    return content
