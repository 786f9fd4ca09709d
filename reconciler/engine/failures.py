"""What the engine's messages mean, as our own errors.

Decides by the words of a message and by what was attempted, never by an HTTP status: engines answer 500 to
plain user errors (a port that is taken, text where a number belongs) and 404 to a registry that is not there.
The words are those of moby 20.10 to 28 and of its registry client (``distribution/errors.go``), containerd and
runc; the table is tested against recorded messages.

Invariants: messages are one line, bounded, and without query strings or user names of URLs (signed download
links and credentials live there); a message of a pull that is not known is the registry's trouble, and may
pass; any other that is not known is a refusal, and does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reconciler import errors
from reconciler.core.startable import LEFT_BEHIND

MESSAGE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """Messages that ``pattern`` is found in are errors of class ``error``; ``hint`` says what to do next."""

    pattern: re.Pattern[str]
    error: Callable[..., errors.ReconcilerError]
    hint: str


def _rule(error: Callable[..., errors.ReconcilerError], hint: str, *patterns: str) -> Rule:
    return Rule(re.compile("|".join(patterns), re.IGNORECASE), error, hint)


_DISK = _rule(
    errors.NoSpace,
    "free disk space on the host: `docker system df` shows who uses it",
    r"no space left on device",
    r"disk quota exceeded",
    r"not enough (free )?(disk )?space",
)
_ENGINE = _rule(
    errors.EngineUnavailable,
    "the engine is starting, stopping or has lost containerd: see its log",
    r"context canceled",
    r"connection error: desc",
    r"transport is closing",
    r"grpc: the connection is (unavailable|closing)",
    r"containerd[^ ]*: (connect: )?(connection refused|no such file)",
    r"daemon is shutting down",
)

ENGINE_RULES: tuple[Rule, ...] = (
    _DISK,
    _ENGINE,
    _rule(
        errors.NameTaken,
        "rename or remove the other container, or choose another containerName",
        r"container name .* is already in use",
    ),
    _rule(
        errors.PortTaken,
        "free the host port or publish another one; if `docker ps` shows no container with it, the engine kept it "
        "through a crash: restart the engine",
        r"port is already allocated",
    ),
    _rule(
        errors.PortTaken,
        "free the host port or publish another one",
        r"address already in use",
        r"bind for \S+ failed",
        r"ports are not available",
    ),
    _rule(errors.StartObstructed, "the next pass makes another container", *LEFT_BEHIND),
    _rule(
        errors.NotFound,
        "",
        r"no such (container|image|volume|network|exec|object)",
        r"network \S+ not found",
        r"bind source path does not exist",
        r"could not find the file",
        r"manifest unknown",
    ),
)

REGISTRY_RULES: tuple[Rule, ...] = (
    _DISK,
    _rule(
        errors.VerificationFailed,
        "the registry served other bytes than the digest names: find out why before trying again",
        r"verification failed",
        r"unexpected (commit )?digest",
        r"failed (size )?(validation|verification)",
        r"does not match (expected )?digest",
        r"content digest .* (not|mismatch)",
        r"failed to register layer: .*checksum",
    ),
    _rule(
        errors.PlatformMismatch,
        "name the digest of an image that was built for this host's platform",
        r"no matching manifest for",
        r"does not match the specified platform",
        r"cannot be used on this platform",
        r"no match for platform",
    ),
    _rule(
        errors.RegistryUnavailable,
        "the registry limits the rate of pulls",
        r"toomanyrequests",
        r"too many requests",
        r"rate limit",
        r"status(?: code)?:? 429",
    ),
    _rule(
        errors.RegistryDenied,
        "log in with `docker login`, as the user that runs the reconciler; a repository that does not exist "
        "is refused in the same words",
        r"access denied",
        r"access to the resource is denied",
        r"unauthorized",
        r"authentication required",
        r"no basic auth credentials",
        r"incorrect username or password",
        r"insufficient_scope",
        r"status(?: code)?:? 40[13]",
        r"\bdenied:",
    ),
    _rule(
        errors.ImageNotFound,
        "check the repository, and the digest or tag; the image may have been deleted from the registry",
        r"manifest (for \S+ )?(not found|unknown)",
        r"name unknown",
        r"does not exist or no pull access",
        r"repository \S+ not found",
        r"blob unknown",
        r"unknown blob",
        r"\S+@sha256:[0-9a-f]{64}: not found",
        r"status(?: code)?:? 404",
    ),
    _rule(
        errors.EngineRefused, "check the repository's spelling", r"invalid reference format", r"invalid tag format"
    ),
    _rule(
        errors.RegistryUnavailable,
        "make the engine trust the registry's certificate (/etc/docker/certs.d)",
        r"x509: ",
        r"tls: failed to verify",
        r"server gave HTTP response to HTTPS client",
    ),
    _ENGINE,
)

_RETRY_AFTER = re.compile(r"retry-after: ([0-9.]+)(ms|µs|us|s|m|h)\b", re.IGNORECASE)
_SECONDS = {"µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_QUERY = re.compile(r"(\bhttps?://[^\s\"?]*)\?[^\s\"]*")
_USER = re.compile(r"(\bhttps?://)[^\s\"/@]*@")


def engine_failure(doing: str, message: str) -> errors.ReconcilerError:
    """The error for a refused request. ``doing`` is what was attempted, as in "starting container ab12"."""
    rule = _matching(ENGINE_RULES, message)
    error = rule.error if rule else errors.EngineRefused
    return error(f"{doing}: {printable(message)}", hint=rule.hint if rule else "")


def registry_failure(doing: str, message: str) -> errors.ReconcilerError:
    """The error for a message of a pull or of a registry look-up, inside the stream or instead of it. ``doing`` is
    what was attempted, as in "pulling a/b@sha256:…".
    """
    rule = _matching(REGISTRY_RULES, message)
    text = f"{doing}: {printable(message)}"
    if rule is None:
        return errors.RegistryUnavailable(text, hint="the registry does not answer as it should")
    if rule.error is errors.RegistryUnavailable:
        return errors.RegistryUnavailable(text, hint=rule.hint, retry_after=_retry_after(message))
    return rule.error(text, hint=rule.hint)


def unreachable(doing: str, reason: BaseException, *, changes: bool = True) -> errors.EngineUnavailable:
    """The error for no answer, half an answer or one that is too late. ``changes``: what was asked for does."""
    if any(isinstance(error, PermissionError) for error in _causes(reason)):
        hint = "run as root or as a member of the group that owns the engine's socket"
    else:
        hint = "check that the engine runs and that its address is right"
        hint += "; what was asked may have happened" if changes else ""
    return errors.EngineUnavailable(f"{doing}: no answer from the engine: {_words(reason)}", hint=hint)


def _words(reason: BaseException) -> str:
    """What the operating system said, below all that libraries wrapped around it; else the innermost words."""
    causes = list(_causes(reason))
    for error in reversed(causes):
        if isinstance(error, OSError) and isinstance(error.errno, int) and isinstance(error.strerror, str):
            return printable(error.strerror[:1].lower() + error.strerror[1:])
    if any(isinstance(error, TimeoutError) for error in causes):
        return "timed out"
    plain = (str(error) for error in reversed(causes) if all(isinstance(item, str) for item in error.args))
    return printable(next(filter(None, plain), type(reason).__name__))


def printable(message: str) -> str:
    """One bounded line without the parts of URLs that may hold secrets."""
    line = " ".join(_USER.sub(r"\1", _QUERY.sub(r"\1?…", message)).split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= MESSAGE_LIMIT else f"{line[: MESSAGE_LIMIT - 1]}…"


def _matching(rules: tuple[Rule, ...], message: str) -> Rule | None:
    return next((rule for rule in rules if rule.pattern.search(message)), None)


def _retry_after(message: str) -> float | None:
    """Some registries say it in the text (``retry-after: 1.5s``); engines pass on no headers."""
    found = _RETRY_AFTER.search(message)
    return float(found[1]) * _SECONDS[found[2].lower()] if found else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all below it, outermost first, also where libraries only keep one among the arguments."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        yield current
        seen.add(id(current))
        pending += [current.__cause__, current.__context__]
        pending += [argument for argument in current.args if isinstance(argument, BaseException)]
