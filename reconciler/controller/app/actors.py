"""Who acts: the person at the terminal, or the file that says so."""

from __future__ import annotations

import os
import pwd

from reconciler.core.desired import DesiredState


def file_actor(desired: DesiredState) -> str:
    """The actor in the running controller: the file that says so."""
    return f"file:{desired.source.file}" if desired.source else "file"


def local_user() -> str:
    """The actor of a command: the person at the terminal, as the system knows them. Behind sudo its word counts;
    an environment that anybody can set does not.
    """
    user = os.getuid()
    if user == 0 and os.environ.get("SUDO_USER"):
        return f"user:{os.environ['SUDO_USER']}"
    try:
        return f"user:{pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"user:{user}"
