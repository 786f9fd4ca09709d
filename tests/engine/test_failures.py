"""What messages of engine and registry mean. The tables hold messages as engines 20.10 to 28 say them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from reconciler import errors
from reconciler.core.desired import ImageReference
from reconciler.engine.failures import MESSAGE_LIMIT, engine_failure, printable, registry_failure, unreachable

DIGEST = "sha256:" + "e5" * 32
IMAGE = ImageReference("registry.example.com/shop/web", DIGEST)


def table(name: str) -> list[tuple[str, type[errors.ReconcilerError]]]:
    """Lines of a class name and a message."""
    lines = (Path(__file__).parent / "fixtures" / f"{name}.txt").read_text().splitlines()
    pairs = (line.split(maxsplit=1) for line in lines)
    return [(message, getattr(errors, kind)) for kind, message in pairs]


@pytest.mark.parametrize(("message", "expected"), table("messages_pull"))
def test_a_pulls_message_is_known_by_its_words(message: str, expected: type[errors.ReconcilerError]) -> None:
    assert type(registry_failure(f"pulling {IMAGE}", message)) is expected


@pytest.mark.parametrize(("message", "expected"), table("messages_refusal"))
def test_a_refusal_is_known_by_its_words(message: str, expected: type[errors.ReconcilerError]) -> None:
    assert type(engine_failure("starting container ab12", message)) is expected


def test_an_error_says_what_was_attempted_on_what_and_what_to_do() -> None:
    error = registry_failure(f"pulling {IMAGE}", f"manifest verification failed for digest {DIGEST}")
    assert str(error).startswith(f"pulling {IMAGE}: manifest verification failed")
    assert "find out why" in str(error)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("retry-after: 1.5s", 1.5), ("Retry-After: 2m", 120.0), ("retry-after: 500ms", 0.5), ("", None)],
)
def test_what_a_registry_says_about_waiting_is_kept(told: str, seconds: float | None) -> None:
    error = registry_failure(f"pulling {IMAGE}", f"toomanyrequests: {told}, allowed: 44000/minute")
    assert isinstance(error, errors.RegistryUnavailable)
    assert error.retry_after == seconds


def test_secrets_of_urls_are_not_in_messages() -> None:
    error = registry_failure(
        f"pulling {IMAGE}", 'Get "https://ann:canary@cdn.example.com/blob?X-Signature=canary&b=1": EOF'
    )
    assert "canary" not in str(error)
    assert "cdn.example.com/blob?…" in str(error)


def test_messages_are_one_bounded_line_without_control_characters() -> None:
    text = printable("one\ntwo\x1b[31m " + "x" * 10_000)
    assert text.startswith("one two[31m xxx")
    assert len(text) == MESSAGE_LIMIT


def test_no_permission_for_the_socket_is_said_with_a_hint() -> None:
    inner = OSError("Connection aborted.", PermissionError(13, "Permission denied"))
    assert "root" in unreachable("listing containers", inner).hint
    assert "runs" in unreachable("listing containers", ConnectionRefusedError()).hint


def _chained(*errors_outermost_first: BaseException) -> BaseException:
    for outer, inner in pairwise(errors_outermost_first):
        outer.__cause__ = inner
    return errors_outermost_first[0]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            OSError("Connection aborted.", FileNotFoundError(2, "No such file or directory")),
            "no such file or directory",
        ),
        (
            _chained(
                OSError("HTTPConnectionPool(host='h', port=1): x"),
                ConnectionRefusedError(111, "Connection refused"),
            ),
            "connection refused",
        ),
        (_chained(OSError("HTTPConnectionPool: Read timed out."), TimeoutError("timed out")), "timed out"),
        (OSError(ValueError("Remote end closed connection")), "Remote end closed connection"),
        (OSError(ValueError("half", ConnectionResetError())), "OSError"),
    ],
)
def test_no_answer_is_told_in_the_words_of_the_operating_system(reason: BaseException, words: str) -> None:
    error = unreachable("listing containers", reason)
    assert error.message == f"listing containers: no answer from the engine: {words}"


def test_only_what_changes_something_may_have_happened() -> None:
    assert "may have happened" in unreachable("removing ab12", TimeoutError()).hint
    assert "may have happened" not in unreachable("listing containers", TimeoutError(), changes=False).hint


def test_a_chain_of_errors_that_turns_in_a_circle_is_followed_once() -> None:
    error = OSError("a")
    error.__cause__ = OSError("b", error)
    assert isinstance(unreachable("asking", error), errors.EngineUnavailable)
