"""RemoteDocuments: what the orchestrator wishes for, as the folder that the loop reads.

The folder is made of what the inbox holds, and can be made anew from it at any time: one folder for each document,
with its text and the files that come with it. A document whose files are not all here yet stays as it was. What is
in a document is read and checked where all documents are; here only that it is the one that it is assigned as.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.agent.artifacts import Artifacts
from reconciler.atomic import remove_file, write_file
from reconciler.controller.catalogue import Catalogue
from reconciler.core.desired import DesiredState
from reconciler.errors import TemporaryError
from reconciler.folders import PRIVATE, discard, make_directory, names_in, opened, translated
from reconciler.inbox.store import InboxStore
from reconciler.inbox.wish import Wish
from reconciler.protocol.message.common import Artifact
from reconciler.sources.remote import ORIGIN, SHADOWED, is_remote
from reconciler.spec.defaults import defaults_for
from reconciler.spec.document import read_documents
from reconciler.spec.merge import merged
from reconciler.spec.problem import is_error

TEXT: Final = "document.yaml"


class RemoteDocuments:
    """``changed`` is called, in whatever thread, when the loop should look. Blocks; safe from many threads."""

    def __init__(
        self,
        folder: Path,
        artifacts: Artifacts,
        *,
        store: InboxStore,
        catalogue: Catalogue,
        changed: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._artifacts = artifacts
        self._store = store
        self._catalogue = catalogue
        self._changed = changed
        self._lock = threading.Lock()
        self._shown: dict[str, Wish] = {}
        self._misnamed: dict[str, str] = {}
        self._held: dict[str, Wish] = {}

    def show(self) -> tuple[Artifact, ...]:
        """Make the folder say what is wished for; the files that are missing for that. Raises StateUnwritable."""
        with self._lock:
            wishes = self._store.wishes()
            missing: list[Artifact] = []
            touched = [name for name in self._shown if name not in wishes]
            touched += [name for name, wish in wishes.items() if self._put(wish, missing)]
            self._remove_all_but(wishes)
            if touched:
                self._catalogue.reload()
        for name in touched:
            self._changed(name)
        return tuple(missing)

    def desired(self, name: str) -> DesiredState | None:
        """The orchestrator's document of this name, if it is in force."""
        found = self._catalogue.desired().get(name)
        return found if found is not None and is_remote(found) else None

    def completed(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """A task's document with the host's Defaults of now under it. Raises TemporaryError where nobody can tell
        what they are.
        """
        loaded = self._catalogue.reload()
        if not loaded.defaults_known:
            raise TemporaryError(
                "the Defaults of this host cannot be read now, and documents without them would be others",
                hint="mend the files of the host's folder; 'reconciler validate' tells what is wrong",
            )
        whole = merged(defaults_for(str(document["kind"]), loaded.defaults), document)
        return {key: whole[key] for key in document}

    def wanted_by(self, name: str) -> Wish | None:
        """What is shown of the document now."""
        return self._shown.get(name)

    def refusal(self, name: str) -> str:
        """Why the document of this name is not in force as it is wished for; "" when it is."""
        if name in self._misnamed:
            return self._misnamed[name]
        found = self._catalogue.desired().get(name)
        if found is not None and not is_remote(found):
            return SHADOWED
        file = f"{ORIGIN}{name}/"
        problems = (item for item in self._catalogue.loaded.problems if item.file.startswith(file))
        return "; ".join(str(problem) for problem in problems if is_error(problem))

    def keep_artifact(self, content: bytes) -> None:
        """A file that was fetched. Raises StateUnwritable."""
        self._artifacts.keep(content)

    def collect(self, now: float) -> int:
        """Remove files that nothing names any more; how many. ``now`` in ticks. Raises StateError, EngineRefused.

        What was just assigned is looked at after that, or was named before: ``show`` waits meanwhile.
        """
        with self._lock:
            held = {item.sha256 for wish in self._held.values() for item in wish.artifacts}
            return self._artifacts.collect(self._store.named() | held, now)

    def hold(self, wish: Wish) -> None:
        """Its files stay until it is let go, although nothing else may name them: somebody may go back to it."""
        with self._lock:
            self._held[wish.document] = wish

    def let_go(self, document: str) -> None:
        """Nobody goes back to what was held of this document."""
        with self._lock:
            self._held.pop(document, None)

    def _put(self, wish: Wish, missing: list[Artifact]) -> bool:
        """Whether the folder says something else now."""
        if self._shown.get(wish.document) == wish:
            return False
        lacking = [item for item in wish.artifacts if not self._artifacts.has(item)]
        if lacking:
            missing += lacking
            return False
        misnamed = _misnamed(wish)
        if misnamed:
            self._misnamed[wish.document] = misnamed
        else:
            self._misnamed.pop(wish.document, None)
            self._write(wish)
        self._shown[wish.document] = wish
        return True

    def _write(self, wish: Wish) -> None:
        """The files first: the text names them."""
        folder = self._folder / wish.document
        for path, content in self._files(wish):
            place = folder / path
            with translated(f"could not make the folder {place.parent}"):
                make_directory(place.parent, mode=PRIVATE)
            write_file(place, content, mode=0o600)
        with translated(f"could not make the folder {folder}"):
            make_directory(folder, mode=PRIVATE)
        write_file(folder / TEXT, wish.text.encode(), mode=0o600)

    def _files(self, wish: Wish) -> Iterator[tuple[str, bytes]]:
        for item in wish.artifacts:
            yield item.name, self._artifacts.content(item)
        for file in wish.files:
            yield file.path, base64.b64decode(file.content)

    def _remove_all_but(self, wishes: Mapping[str, Wish]) -> None:
        with opened(str(self._folder)) as folder:
            gone = [name for name in names_in(folder) if name not in wishes]
            for name in gone:
                remove_file(self._folder / name / TEXT)
                discard(folder, name)
        for name in self._shown.keys() - wishes.keys():
            del self._shown[name]
            self._misnamed.pop(name, None)


def _misnamed(wish: Wish) -> str:
    """Why the text is not one document of the name that it is assigned as; "" where it is, or can't be read."""
    documents, problems = read_documents(wish.text.encode(), TEXT)
    if any(map(is_error, problems)):
        return ""
    if len(documents) != 1 or documents[0].kind == "Defaults":
        return "what is assigned as one document holds another number of them, or Defaults, which are the host's"
    if documents[0].name != wish.document:
        return f"it names itself {documents[0].name[:80]}, and is assigned as {wish.document}"
    return ""
