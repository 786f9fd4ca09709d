"""What a shell offers while somebody types: names of documents, releases, fields, values of settings, paths.

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
_PATHS: Final = {"DIR": "dir", "FILE": "file"}


def document_names(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of the documents that can be read, but for those that stand there already."""
    from reconciler.cli.folder import names_in

    typed = context.params.get("names") or ()
    return offered(
        lambda: [name for name in names_in(invocation_of(context).settings) if name not in typed], begun
    )


def releases(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Releases that the history has of the document, the newest first."""

    def known() -> Sequence[str]:
        with invocation_of(context).service() as service:
            revisions = service.record(str(context.params["name"])).revisions
        return list(dict.fromkeys(item.release.id for item in reversed(revisions)))

    return offered(known, begun) if context.params.get("name") else []


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
