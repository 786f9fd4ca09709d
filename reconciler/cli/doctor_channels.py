"""What ``doctor`` says of the channels that people are told through: that they can be opened, and deliver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.config import Settings
from reconciler.controller.checkup import Finding
from reconciler.errors import ReconcilerError
from reconciler.notify.opening import notify_of_host, open_channels


def channel_findings(settings: Settings, undelivered: Mapping[str, str]) -> Iterator[Finding]:
    """``undelivered``: why the running controller could not deliver, by channel. Nothing is sent here."""
    try:
        notify = notify_of_host(settings.notify, needed=settings.notify_needed)
        channels = open_channels(notify, settings.notify.absolute().parent)
    except ReconcilerError as error:
        yield Finding("error", "notifications", error.message, error.hint)
        return
    if not channels:
        yield Finding("ok", "notifications", "nobody is told, no channel is named; docs/how-to/notify.md")
        return
    silent = [channel.name for channel in channels if channel.name in undelivered]
    for name in silent:
        fix = f"mend it, then `reconciler notify test {name}`; the controller tries on by itself"
        yield Finding("warning", "notifications", f"{name} does not deliver: {undelivered[name]}", fix)
    if not silent:
        names = ", ".join(channel.name for channel in channels)
        yield Finding("ok", "notifications", f"told through {names}; `reconciler notify test` tries")
