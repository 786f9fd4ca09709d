"""Upload tasks: files below a folder that the agent's policy names.

    look what differs ─► fetch that, checked by size and digest ─► point of no return ─► put all in their places

Nothing of this host changes before the point of no return: what was fetched lies in files without a name until
then. What is there already is neither fetched nor written again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, Final, cast

from reconciler.agent.contents import Contents, Named
from reconciler.agent.file_set import FileSet, Wanted, below
from reconciler.agent.work import Ended, Work, account_of, expect, in_time, refused
from reconciler.core.audit import Deed, Standing
from reconciler.core.interfaces import AuditTrail
from reconciler.core.policy_paths import within
from reconciler.errors import EngineRefused, ReconcilerError, TemporaryError
from reconciler.folders import is_interrupted
from reconciler.protocol.agent_policy import AgentPolicy
from reconciler.protocol.message.payload import UploadedFile, UploadFilesPayload
from reconciler.protocol.session.work import WorkReport

IN_MEMORY: Final = 256 << 10
"""Bytes; what is larger waits on the disk."""

AGAIN_S: Final = 2.0


class Uploads:
    """``waiting``: a folder of the agent's own, for what is fetched and has no name yet. ``running`` tells the
    release of a document.
    """

    def __init__(
        self,
        contents: Contents,
        audit: AuditTrail,
        policy: AgentPolicy,
        *,
        waiting: Path,
        running: Callable[[str], str],
    ) -> None:
        self._contents = contents
        self._audit = audit
        self._policy = policy
        self._waiting = waiting
        self._running = running

    async def upload(self, work: Work) -> WorkReport:
        """A task of type upload-files."""
        payload = work.task.payload
        assert isinstance(payload, UploadFilesPayload)  # noqa: S101  (its schema says so)
        document = work.task.document
        expect(work.task, await asyncio.to_thread(self._running, document) if document else "")
        files = wanted(payload.files)
        target = self._folder(payload.directory)
        with ExitStack() as stack:
            differing = await in_time(work, asyncio.to_thread(_differing, target, files))
            contents = {file: self._nameless(stack) for file in differing}
            await in_time(work, self._fetch(work, contents))
            await work.pass_no_return()
            await asyncio.to_thread(self._put, work, target, contents)
        for file in differing:
            await work.say(f"{file.path}: written")
        return WorkReport(outcome="succeeded", outputs=_outputs(payload.directory, files, differing))

    def _folder(self, directory: str) -> FileSet:
        """Below the root that lies nearest. The policy was asked when the task was taken, and may be another one
        after a restart.
        """
        roots = [root for root in self._policy.upload_roots if within(directory, root)]
        if not roots:
            raise Ended(refused("policy", "its folder lies below none of the uploadRoots of the agent's policy"))
        root = max(roots, key=len)
        return FileSet(root, below(directory, root))

    def _nameless(self, stack: ExitStack) -> BinaryIO:
        file: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(self._waiting))  # noqa: SIM115  (the stack closes it)
        return cast("BinaryIO", stack.enter_context(file))

    async def _fetch(self, work: Work, contents: Mapping[Wanted, BinaryIO]) -> None:
        """All of it. An orchestrator that is away for a moment is asked again."""
        missing = list(contents)
        while missing:
            try:
                async with self._contents.connected() as connected:
                    while missing:
                        file = missing[0]
                        into = contents[file]
                        into.seek(0)
                        into.truncate()
                        await connected.fetch(Named(file.path, file.sha256, file.size_bytes), into)
                        missing.remove(file)
            except TemporaryError as error:
                await work.say(f"{error.message}; asked again")
                await asyncio.sleep(AGAIN_S)

    def _put(self, work: Work, target: FileSet, contents: Mapping[Wanted, BinaryIO]) -> None:
        """In the audit log before it is done, and with what came of it."""
        deeds = [_deed(work, target, file) for file in contents]
        numbers = [self._audit.intent(deed) for deed in deeds]
        try:
            target.put(contents)
        except ReconcilerError as error:
            for number, deed in zip(numbers, deeds, strict=True):
                self._audit.outcome(number, deed, outcome="failed", detail=str(error))
            raise
        for number, deed in zip(numbers, deeds, strict=True):
            self._audit.outcome(number, deed, outcome="done")


def wanted(files: Sequence[UploadedFile]) -> tuple[Wanted, ...]:
    """The files of a payload. Raises Ended where they cannot be as one."""
    paths = {file.path for file in files}
    if len(paths) < len(files):
        raise Ended(refused("files", "a path is given twice"))
    for path in paths:
        parts = path.split("/")
        if any("/".join(parts[:depth]) in paths for depth in range(1, len(parts))):
            raise Ended(refused("files", f"{path} lies below what is a file itself"))
        if any(map(is_interrupted, parts)):
            raise Ended(refused("files", f"{path} is named as what only lasts while a file is written"))
    return tuple(
        Wanted(path=file.path, sha256=file.sha256, size_bytes=file.size_bytes, mode=int(file.mode, 8))
        for file in files
    )


def _differing(target: FileSet, files: Sequence[Wanted]) -> tuple[Wanted, ...]:
    try:
        return target.differing(files)
    except EngineRefused as error:
        raise Ended(refused("in-the-way", str(error))) from error


def _deed(work: Work, target: FileSet, file: Wanted) -> Deed:
    path = "/".join((target.root, *target.parts, file.path))
    account = account_of(work.task, after=Standing(digest=file.sha256))
    return Deed(document=work.task.document or "", action="upload-file", target=path, account=account)


def _outputs(directory: str, files: Sequence[Wanted], differing: Sequence[Wanted]) -> dict[str, object]:
    told = [
        {"path": file.path, "sha256": file.sha256, "sizeBytes": file.size_bytes, "changed": file in differing}
        for file in files
    ]
    return {"directory": directory, "files": told}
