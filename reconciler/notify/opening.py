"""From the file of notifications to open channels. Whatever is wrong with it is told before anything is sent.

The file and those that it names are trusted only where they are root's or belong to whoever runs this program: who
can change them can have messages sent to himself, and who can read a secret can sign.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from reconciler.core.secret import Secret
from reconciler.errors import InvalidSettings
from reconciler.host_file import ANYTHING, WRITING, Untrusted, read_trusted
from reconciler.notify.channel import Channel
from reconciler.notify.signature import read_secret
from reconciler.notify.webhook import Webhook, secret_of
from reconciler.spec.notify import Channel as Written
from reconciler.spec.notify import Notify, read_notify

LIMIT: Final = 64 * 1024


def notify_of_host(path: Path, *, needed: bool) -> Notify:
    """What the file says; where nobody named it, it may be missing, and nobody is notified. Raises
    InvalidSettings.
    """
    try:
        content = read_trusted(path, forbidden=WRITING, limit=LIMIT, uid=os.geteuid())
    except FileNotFoundError:
        if not needed:
            return Notify()
        raise InvalidSettings(
            f"the file of notifications {path} is not there", hint="write it: docs/how-to/notify.md"
        ) from None
    except Untrusted as error:
        raise InvalidSettings(f"the file of notifications {error}", hint=error.hint) from error
    notify, problems = read_notify(content, str(path))
    if notify is None:
        raise InvalidSettings("the file of notifications is wrong:\n" + "\n".join(map(str, problems)))
    return notify


def open_channels(notify: Notify, folder: Path) -> tuple[Channel, ...]:
    """The channels that the file names; its relative paths are below ``folder``. Raises InvalidSettings."""
    return tuple(_open(channel, folder) for channel in notify.channels)


def _open(channel: Written, folder: Path) -> Channel:
    if channel.apprise_file:
        from reconciler.notify.by_apprise import Apprise  # noqa: PLC0415  (most hosts have no such channel)

        path = folder / channel.apprise_file
        return Apprise(channel.name, _address(channel.name, path), path=path)
    path = folder / channel.secret_file
    try:
        _secret(path)
    except ValueError as error:
        raise InvalidSettings(
            f"the secret of the channel {channel.name}: {error}",
            hint=f"make one: (umask 077; openssl rand -base64 32 > {path})",
        ) from None
    return Webhook(channel.name, channel.url, secret_of(path, _secret))


def _secret(path: Path) -> Secret:
    """The secret in a file. Raises ValueError."""
    content = _private(path)
    try:
        return read_secret(content)
    except ValueError as error:
        raise ValueError(f"what {path} holds {error}") from None


def _private(path: Path) -> bytes:
    try:
        return read_trusted(path, forbidden=ANYTHING, limit=LIMIT, uid=os.geteuid())
    except FileNotFoundError:
        raise ValueError(f"{path} is not there") from None
    except Untrusted as error:
        raise ValueError(f"{error} ({error.hint})" if error.hint else str(error)) from None


def _address(name: str, path: Path) -> str:
    try:
        lines = _private(path).decode("utf-8").split()
    except ValueError as error:  # also what is no UTF-8, whose bytes must not be told
        known = "is no text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise InvalidSettings(f"the address of the channel {name}: {known}") from None
    if len(lines) != 1:
        raise InvalidSettings(f"the address of the channel {name}: {path} must hold one address")
    return lines[0]
