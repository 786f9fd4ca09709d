"""In which state a delivery is on the host. What did not change is neither read nor opened again."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable

from reconciler.core.delivery import Delivery, DeliveryState
from reconciler.deliveries.opening import Opening
from reconciler.deliveries.owner import owner_of
from reconciler.folders import READ, names_in, opened
from reconciler.unchanged import Unchanged

LARGEST = 16 << 20
"""Bytes; what is larger can't be ours, and is not read."""

_VERSION = re.compile(r"[0-9a-f]{32}")
_STRANGE = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO})


class Finder:
    """Looks, and remembers by document and version."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._known: Unchanged[tuple[str, str], DeliveryState] = Unchanged()
        self.read = 0
        """How many files were read, ever."""

    def state(self, root: str, document: str, item: Delivery) -> DeliveryState:
        """``altered`` also where something else is in its place. Raises OSError."""
        try:
            with opened(root, document, item.version) as folder:
                return self._state(document, item, os.open(item.file_name, READ, dir_fd=folder))
        except FileNotFoundError:
            return "absent"
        except OSError as error:
            if error.errno in _STRANGE:
                return "altered"
            raise

    def versions(self, root: str, document: str) -> frozenset[str]:
        """What lies there for a document. Raises OSError."""
        try:
            with opened(root, document) as folder:
                return frozenset(filter(is_version, names_in(folder)))
        except FileNotFoundError:
            return frozenset()

    def anything(self, roots: Iterable[str], document: str) -> bool:
        """Whether there may be anything for a document: of most there is not, and no handle is opened for that."""
        for root in roots:
            try:
                os.lstat(f"{root}/{document}")
            except FileNotFoundError:
                continue
            except OSError:  # what cannot be looked at is told by whoever opens it
                return True
            return True
        return False

    def forget(self, document: str) -> None:
        """Look anew at all of the document."""
        self._known.forget_where(lambda key: key[0] == document)

    def _state(self, document: str, item: Delivery, handle: int) -> DeliveryState:
        with os.fdopen(handle, "rb") as file:
            found, key = os.fstat(handle), (document, item.version)
            known = self._known.get(key, found)
            if known is not None:
                return known
            if not stat.S_ISREG(found.st_mode) or not _as_asked(item, found):
                return "altered"
            content = file.read(LARGEST + 1)
            self.read += 1
        fits = self._opening.fits(item, content) if item.secret else content == item.content
        if fits is None:
            return "current"  # nobody here can tell; it is looked at again as soon as somebody can
        state: DeliveryState = "current" if fits else "altered"
        self._known.put(key, found, state)
        return state


def is_version(name: str) -> bool:
    """Whether what is called so in a document's folder is a version that we delivered."""
    return _VERSION.fullmatch(name) is not None


def _as_asked(item: Delivery, found: os.stat_result) -> bool:
    return (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (item.mode, *owner_of(item))
