"""The search that ends every end-to-end test: no planted value of a stage is where it must not be."""

from __future__ import annotations

import itertools

from tests.e2e.canary import Arguments, finds, in_files, on_engine, said, shown
from tests.e2e.stage import Stage

SHOWING = (("status", "--json"), ("plan", "--json"), ("policy", "check"), ("audit", "show", "--json"))
"""What shows documents as they are now; what was told of them before is in the history."""


def search(stage: Stage, arguments: Arguments) -> None:
    """Assert it. May be asked more than once, and of a stage whose engine is gone."""
    words = itertools.chain(
        said(stage.said),
        shown(stage.here, SHOWING) if stage.state.exists() else (),
        in_files(stage.state, stage.folder / "stickers"),
        on_engine(stage.sdk, since=stage.began),
        arguments.words(),
    )
    found = finds(stage.plants, words)
    assert not found, "\n".join(found)
