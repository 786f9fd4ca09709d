"""Catalogue: the documents in force, and those whose containers have outlived them.

Joins the source's documents with the history, so that a broken file keeps its last good documents over
restarts. Leaves reading and checking to ``sources`` and ``spec``.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from reconciler.core.desired import DesiredState
from reconciler.core.record import Record
from reconciler.errors import StateError, UnknownDocument
from reconciler.history import History
from reconciler.sources.files import Loaded, Source
from reconciler.spec.problem import suggestion

NOTHING = Loaded(documents=(), problems=(), unknown_files=(), complete=False)
MOST_NAMES = 20
TWISTED = 0.6
"""What two words of three letters have in common when two of these have changed places."""


class Catalogue:
    """Safe to ask from many threads; ``reload`` is done by one at a time."""

    def __init__(self, source: Source, history: History) -> None:
        self._source = source
        self._history = history
        self._lock = threading.Lock()
        self._loaded = NOTHING
        self._named: tuple[Loaded, Mapping[str, DesiredState]] = (NOTHING, {})
        self._remembering = False
        self.trouble: StateError | None = None
        """Why the last good documents could not be written into the history; None when they could."""

    @property
    def loaded(self) -> Loaded:
        """What the last ``reload`` found."""
        return self._loaded

    def reload(self) -> Loaded:
        """Read the folder again (only changed files are parsed), and note what is good.

        A history that cannot be written stops nothing: the source has it all in memory, and the next ``reload``
        tries again.
        """
        with self._lock:
            self._loaded = self._source.load()
            if self._remembering:
                self._accept()
            return self._loaded

    def _accept(self) -> None:
        try:
            self._history.accept(self._source.good_by_file())
        except StateError as error:
            self.trouble = error
        else:
            self.trouble = None

    def remember(self) -> None:
        """From now on write the last good documents into the history: for the one controller, not for readers."""
        self._remembering = True

    def desired(self) -> Mapping[str, DesiredState]:
        """Documents in force, by name, in the order of their names; the same object until the folder changes."""
        loaded, named = self._loaded, self._named
        if named[0] is not loaded:
            in_order = sorted(loaded.documents, key=lambda item: item.name)
            named = self._named = (loaded, MappingProxyType({item.name: item for item in in_order}))
        return named[1]

    def orphans(self, records: Mapping[str, Record]) -> dict[str, DesiredState]:
        """Last known states of documents that are gone from a folder that could be read."""
        if not self._loaded.documents:
            return {}
        known = self.desired().keys() | self._claimed_elsewhere()
        return {
            name: record.last_wanted.desired
            for name, record in sorted(records.items())
            if name not in known and record.last_wanted is not None
        }

    def pruning_obstacle(self) -> str:
        """Why nothing can be known to be gone now; "" when it can."""
        if not self._loaded.complete or not self._loaded.documents:
            return "the folder is missing, empty or cannot be read: nothing in it counts as gone"
        if self._loaded.unknown_files:
            return f"{', '.join(self._loaded.unknown_files)} cannot be read or is wrong: mend it first"
        return ""

    def _claimed_elsewhere(self) -> set[str]:
        """Names in files that cannot be read or are wrong now: unknown, never gone."""
        if not self._loaded.unknown_files:
            return set()
        accepted = self._source.good_by_file() if self.trouble else self._history.accepted()
        return {item.name for file in self._loaded.unknown_files for item in accepted.get(file, ())}

    def choose(self, names: Sequence[str], records: Mapping[str, Record]) -> dict[str, DesiredState]:
        """Documents and orphans with these names; all of them for no names. Raises UnknownDocument."""
        desired = self.desired()
        if names and all(name in desired for name in names):
            return {name: desired[name] for name in names}
        everything = {**self.orphans(records), **desired}
        unknown = [name for name in names if name not in everything]
        if unknown:
            raise UnknownDocument(f"no document is named {', '.join(unknown)}", hint=_meant(unknown, everything))
        return {name: everything[name] for name in (names or sorted(everything))}


def _meant(unknown: Sequence[str], known: Collection[str]) -> str:
    """What the person may have meant, and which documents there are."""
    meant = [found for name in unknown if (found := suggestion(name, known, likeness=TWISTED))]
    listed = [*known][:MOST_NAMES]
    more = f" and {len(known) - len(listed)} more" if len(known) > len(listed) else ""
    told = f"known: {', '.join(listed) or 'none'}{more}"
    return f"did you mean {' and '.join(meant)}? {told}" if meant else told
