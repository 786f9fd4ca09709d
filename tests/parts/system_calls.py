"""A program that is killed, or gets an error, at one of its own system calls. strace does it.

The call is not carried out. Calls are counted for each thread by itself, from 1 (strace(1), "Tampering").
"""

from __future__ import annotations

from tests.parts.host import program


def killed_at(call: str, number: int) -> tuple[str, ...]:
    """What is put before a command so that SIGKILL meets it at its ``number``-th ``call`` (a name, or a regular
    expression between slashes). The exit status is the program's own.
    """
    return _tampered(call, f"signal=KILL:when={number}")


def failing(call: str, number: int, error: str) -> tuple[str, ...]:
    """The same with an error (``EIO``) as the call's answer."""
    return _tampered(call, f"error={error}:when={number}")


def failing_from(call: str, number: int, error: str) -> tuple[str, ...]:
    """The same for this call and every one after it."""
    return _tampered(call, f"error={error}:when={number}+")


def _tampered(call: str, how: str) -> tuple[str, ...]:
    strace = program("strace", package="strace")
    quiet = ("-f", "-qq", "-o", "/dev/null")  # with --seccomp-bpf a program with threads is not met everywhere
    return (strace, *quiet, "-e", f"trace={call}", "-e", f"inject={call}:{how}")
