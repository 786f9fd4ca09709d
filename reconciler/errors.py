"""Every error of the reconciler, as one tree.

    ReconcilerError
    ├── InputError                  what a person wrote is wrong; nothing was touched
    │   ├── InvalidDocuments        one or many problems in desired-state files
    │   ├── InvalidSettings         a flag, variable or settings file
    │   ├── UnknownDocument         a name that no document and no history has
    │   ├── NotKnown                an agent, task or token that the orchestrator does not have
    │   ├── RequestConflict         asked for with a key that is another request's
    │   │   └── RequestStale        a change of what somebody else has changed meanwhile
    │   └── StalePlan               a saved plan no longer fits the host or the files
    ├── TemporaryError              may pass by itself; has ``retry_after`` seconds
    │   ├── EngineUnavailable       no answer from the Docker engine
    │   │   └── EngineUnsupported   an answer, but no version of the API that both speak
    │   ├── RegistryUnavailable     the registry is away, slow or limits the rate
    │   ├── NoSpace                 the host's disk is full
    │   ├── HookNotNow              a hook said "not now"; it is asked again later
    │   ├── ComposeBusy             Compose is still at work on the project, or left a conflict that is mended next
    │   └── Interrupted             we were asked to stop, or lost our lock; nothing went wrong
    ├── TerminalError               stays as it is until somebody changes something
    │   ├── EngineRefused           the engine says no: bad option, conflict, missing thing
    │   │   ├── NotFound            the named container, image or network is not there
    │   │   │   └── ContainerGone       a container of ours is not there any more
    │   │   ├── StartObstructed     a killed engine left something that is in the way of a container's start
    │   │   ├── NameTaken           another container holds the name
    │   │   └── PortTaken           something else holds the host port
    │   ├── ComposeMissing          no `docker compose` v2 on this host
    │   ├── ComposeFailed           `docker compose` says no
    │   ├── ImageNotFound           the registry does not have that digest
    │   ├── RegistryDenied          the registry refuses the credentials
    │   ├── VerificationFailed      bytes or digests are not what was named
    │   │   ├── SignatureRefused    an image is not signed as the host's policy wants it
    │   │   └── TaskRefused         a task is not signed by a release key, was changed, or is for somebody else
    │   ├── AccessRefused           a certificate, join token or request for a certificate does not count here
    │   ├── SecretSealed            a secret cannot be opened with the keys of this host
    │   ├── HookFailed              a hook ended with an error, took too long, or ran out of memory
    │   ├── PlatformMismatch        the image is for another platform
    │   ├── MessageRefused          what the other side of the fleet's protocol sent is not taken
    │   └── Unhealthy               a container did not become or stay healthy
    └── StateError                  the reconciler's own state directory
        ├── StateLocked             another controller holds it
        ├── StateDamaged            the history database fails its check
        └── StateUnwritable         full disk, read-only file system

Whether to try again is a type. A message says what was attempted, on what, and what to do next, and
never carries a secret. Errors of libraries are translated where they enter and chained.
"""

from __future__ import annotations


class ReconcilerError(Exception):
    """Base of all. ``hint`` says what the reader can do next (may be empty). ``outside``: a person or a dying
    engine has done it, and nothing in a release explains it; so it is no reason yet to give that up.
    """

    outside = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The hint stands behind the first line: lines below it are what a container said."""
        head, line_break, rest = self.message.partition("\n")
        return f"{head} ({self.hint}){line_break}{rest}" if self.hint else self.message

    def about(self, subject: str) -> None:
        """Say what it is about, where only a caller knows it."""
        self.message = f"{subject}: {self.message}"


class InputError(ReconcilerError):
    """What a person wrote is wrong."""


class InvalidDocuments(InputError):
    """Desired-state files have problems; ``problems`` are printable, one per line."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class InvalidSettings(InputError):
    """A flag, an environment variable or the settings file has a wrong value."""


class UnknownDocument(InputError):
    """No document and no history has this name."""


class NotKnown(InputError):
    """The orchestrator has no agent, task, token or document of this name."""


class RequestConflict(InputError):
    """What is asked for contradicts what was asked for before."""


class RequestStale(RequestConflict):
    """What is to be changed is no longer what was looked at."""


class StalePlan(InputError):
    """A saved plan no longer fits the host or the files."""


class TemporaryError(ReconcilerError):
    """May pass by itself. ``retry_after`` is in seconds; None leaves it to the backoff."""

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class EngineUnavailable(TemporaryError):
    """No answer from the Docker engine; what was asked may or may not have happened."""


class EngineUnsupported(EngineUnavailable):
    """What answers has no version of the engine's API in common with us, or is no engine: as good as away, since
    nothing can be known and no release is at fault.
    """


class RegistryUnavailable(TemporaryError):
    """The registry is away, slow or limits the rate."""


class NoSpace(TemporaryError):
    """The host's disk is full."""


class ComposeBusy(TemporaryError):
    """Compose is still at work on the project, or an earlier run left something that the next pass mends."""


class HookNotNow(TemporaryError):
    """A hook ended with the status that says "not now": nothing is wrong with the release."""


class Interrupted(TemporaryError):
    """We were asked to stop, or lost our lock, before the work was done. Never a reason to quarantine."""


class TerminalError(ReconcilerError):
    """Stays as it is until somebody changes something."""


class EngineRefused(TerminalError):
    """The engine says no: a bad option, a conflict, something missing."""


class NotFound(EngineRefused):
    """The named container, image, volume or network is not there."""


class ContainerGone(NotFound):
    """A container of ours is not there any more: somebody has removed it."""

    outside = True

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="the next pass plans anew")


class StartObstructed(EngineRefused):
    """What a killed engine left of a container is in the way of its start; another one can take its place."""

    outside = True


class NameTaken(EngineRefused):
    """Another container holds the name."""


class PortTaken(EngineRefused):
    """Something else holds the host port."""


class ComposeMissing(TerminalError):
    """There is no ``docker compose`` v2 on this host, or one that is too old."""


class ComposeFailed(TerminalError):
    """``docker compose`` ended with an error of the project's own."""


class ImageNotFound(TerminalError):
    """The registry does not have that digest."""


class RegistryDenied(TerminalError):
    """The registry refuses the credentials, or wants some."""


class VerificationFailed(TerminalError):
    """Bytes or digests are not what was named."""


class SignatureRefused(VerificationFailed):
    """An image has no signature that the host's policy accepts: none, none by its keys, or of something else."""


class TaskRefused(VerificationFailed):
    """A task is not signed by a release key that is trusted here, was changed since, or is for somebody else."""


class AccessRefused(TerminalError):
    """Who asks has no certificate or join token that counts here: of another authority, revoked, expired, for
    another role; or asks for a certificate in a way that is not answered.
    """


class SecretSealed(TerminalError):
    """A secret cannot be opened here: no identity, none that fits, or a damaged ciphertext. Tells no value."""


class HookFailed(TerminalError):
    """A hook could not be started, ended with an error, took too long, or ran out of memory."""


class PlatformMismatch(TerminalError):
    """The image is for another platform than the engine's."""


class MessageRefused(TerminalError):
    """What the other side of the fleet's protocol sent is not taken. ``reason`` is one of a closed list; ``where``
    is the place in the message. No value of the message is in it.
    """

    REASONS = ("too-large", "not-json", "unknown-version", "unknown-kind", "not-understood", "invalid")

    def __init__(self, message: str, *, reason: str, where: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.where = where


class Unhealthy(TerminalError):
    """A container did not become healthy, or did not stay so. ``reason`` is one of a closed list."""

    BY_OTHERS = frozenset({"gone", "replaced", "paused"})
    """Reasons that only somebody with the engine's socket brings about."""

    REASONS = ("exited", "restarting", "unhealthy", "oom-killed", "timeout", "paused", "gone", "replaced")

    def __init__(self, message: str, *, reason: str, hint: str = "", outside: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.outside = outside or reason in self.BY_OTHERS


class StateError(ReconcilerError):
    """The reconciler's own state directory cannot be used."""


class StateLocked(StateError):
    """Another controller holds the state directory, or the engine."""


class StateDamaged(StateError):
    """The history database fails its integrity check."""


class StateUnwritable(StateError):
    """Full disk or read-only file system under the state directory."""
