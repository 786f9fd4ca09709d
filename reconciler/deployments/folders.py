"""The folders of a deployment directory: which are ours, and how they are made."""

from __future__ import annotations

import os
import re
from pathlib import Path

from reconciler.errors import EngineRefused
from reconciler.folders import (
    BELOW,
    OPEN,
    PRIVATE,
    is_interrupted,
    make_below,
    make_directory,
    names_in,
    opened,
)

_DIGEST = re.compile(r"[0-9a-f]{64}")


def make(directory: str, *parts: str) -> None:
    """Have this folder, durably. Raises OSError."""
    make_directory(Path(directory))
    for depth, part in enumerate(parts):
        with opened(directory, *parts[:depth]) as parent:
            made = make_below(parent, part, mode=OPEN if depth else PRIVATE)
            if not made and depth == 0:
                _keep_private(part, parent)


def _keep_private(name: str, parent: int) -> None:
    """Close a folder that was opened by hand. One that holds anything else than ours was never closed by us."""
    handle = os.open(name, BELOW, dir_fd=parent)
    try:
        if os.fstat(handle).st_mode & 0o777 != PRIVATE:
            _refuse_others(name, handle)
            os.fchmod(handle, PRIVATE)
    finally:
        os.close(handle)


def _refuse_others(name: str, folder: int) -> None:
    strange = sorted(item for item in names_in(folder) if not is_ours(item) and not is_interrupted(item))
    if strange:
        raise EngineRefused(
            f"the folder {name} of the deployment directory holds somebody else's {strange[0]}",
            hint="it is left as it is; choose a spec.config.deploymentDirectory of its own",
        )


def is_ours(name: str) -> bool:
    """Whether what is called so in ``revisions`` or ``files`` can be ours: folders there are called by digests."""
    return _DIGEST.fullmatch(name) is not None
