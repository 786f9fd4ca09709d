"""What a shell offers while somebody types: names of documents, releases, channels and actors, values, paths.

Invariant: completion never fails and never speaks. Whatever is wrong with settings, folder or state is told when
the command is run; until then there is nothing to offer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import click
from click.shell_completion import CompletionItem

from reconciler.cli.invocation import invocation_of
from reconciler.errors import ReconcilerError

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
ACTORS_OF: Final = 1_000
"""So many entries are looked at."""

_PATHS: Final = {"DIR": "dir", "FILE": "file"}


def document_names(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of the documents that can be read, but for those that stand there already."""
    from reconciler.cli.folder import names_in

    typed = context.params.get("names") or ()
    return offered(
        lambda: [name for name in names_in(invocation_of(context).settings) if name not in typed], begun
    )


def releases(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Releases that the history has of the document, the newest first. Where an option still lacks its value,
    click leaves the document's name among what it has not read.
    """
    name = context.params.get("name") or next(iter(context.args), "")

    def known() -> Sequence[str]:
        with invocation_of(context).service() as service:
            revisions = service.record(name).revisions
        return list(dict.fromkeys(item.release.id for item in reversed(revisions)))

    return offered(known, begun) if name else []


def channels(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of the channels that people are told through, but for those that stand there already."""

    def known() -> Sequence[str]:
        from reconciler.notify.opening import notify_of_host

        typed = context.params.get("names") or ()
        found = notify_of_host(invocation_of(context).settings.notify, needed=False).channels
        return [channel.name for channel in found if channel.name not in typed]

    return offered(known, begun)


def actors(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names and types of those who did what stands in the audit log, the last first."""

    def known() -> Sequence[str]:
        from reconciler.audit.files import LogFiles
        from reconciler.audit.show import Wanted, entries

        found = entries(LogFiles(invocation_of(context).settings.state_dir), Wanted(), limit=ACTORS_OF)
        told = [entry["actor"] for entry in reversed(found)]
        words = [who.get(key, "") for key in ("name", "type") for who in told]
        return [word for word in dict.fromkeys(words) if word and ":" not in word]  # bash breaks words at colons

    return offered(known, begun)


def values(metavar: str) -> Complete | None:
    """What may be written where help shows this: paths, or one of some words; None where there is no telling."""
    if metavar in _PATHS:
        return lambda _context, _parameter, begun: [CompletionItem(begun, type=_PATHS[metavar])]
    words = metavar.split("|")
    if len(words) == 1:
        return None
    return lambda _context, _parameter, begun: offered(lambda: words, begun)


def offered(known: Callable[[], Sequence[str]], begun: str) -> list[CompletionItem]:
    """Those that begin so; none where they cannot be known."""
    try:
        return [CompletionItem(word) for word in known() if word.startswith(begun)]
    except (ReconcilerError, OSError):
        return []
