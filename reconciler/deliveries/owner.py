"""Whose a delivered file is on the host."""

from __future__ import annotations

import os

from reconciler.core.delivery import Delivery


def owner_of(item: Delivery) -> tuple[int, int]:
    """User and group. What is meant for root belongs to whoever runs this program where that is not root: nobody
    else could have it, and no container's user but root could tell.
    """
    user, group = os.geteuid(), os.getegid()
    return (item.uid, item.gid) if user == 0 else (item.uid or user, item.gid or group)


def can_give(owner: tuple[int, int]) -> bool:
    """Whether this program may give a file to them: root to everybody, others within their own groups."""
    user, group = owner
    return os.geteuid() in {0, user} and (os.geteuid() == 0 or group in {os.getegid(), *os.getgroups()})
