"""The folder that pictures are taken of: its name is seen in them, so it is one that a host may have."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SHOP: Final = Path("/srv/shop")


@contextmanager
def a_shop() -> Iterator[Path]:
    """The folder for the time of the block. Raises FileExistsError where this machine has one."""
    SHOP.mkdir()
    try:
        yield SHOP
    finally:
        shutil.rmtree(SHOP)
