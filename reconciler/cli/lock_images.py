"""Asking registries, through the engine, what tags stand for: several at a time, each only once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from typing import Final

from reconciler.cli.invocation import Invocation
from reconciler.cli.lock_make import LookUp
from reconciler.cli.progress import progress
from reconciler.spec.lock_write_images import Reference

AT_ONCE: Final = 8


def looking_up(invocation: Invocation) -> LookUp:
    """The look-up through this host's engine, which is only needed where a tag decides."""

    def look_up(references: tuple[Reference, ...]) -> Mapping[Reference, str]:
        known = {reference: reference.digest for reference in references if not reference.moves}
        return {**known, **_asked(invocation, [reference for reference in references if reference.moves])}

    return look_up


def _asked(invocation: Invocation, references: list[Reference]) -> Mapping[Reference, str]:
    tags = sorted({(reference.repository, reference.tag) for reference in references})
    if not tags:
        return {}
    shown = progress(invocation.screen, time.monotonic) if invocation.screen.interactive else nullcontext(_silent)
    found: dict[tuple[str, str], str] = {}
    with invocation.service() as service, shown as report, ThreadPoolExecutor(min(AT_ONCE, len(tags))) as pool:
        asked = {pool.submit(service.resolve_tag, *tag): tag for tag in tags}
        try:
            for done in as_completed(asked):
                tag = asked[done]
                found[tag] = done.result()
                report("digests", f"{len(found)} of {len(tags)}: {tag[0]}:{tag[1]}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {reference: found[reference.repository, reference.tag] for reference in references}


def _silent(_: str, __: str) -> None:
    """On a pipe only the result counts."""
