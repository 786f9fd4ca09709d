"""A member's folder: whatever fails and wherever the process ends, it has a passport that works."""

from __future__ import annotations

import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from reconciler.errors import AccessRefused, StateDamaged
from reconciler.tls import passport_folder
from reconciler.tls.authority import Issued
from reconciler.tls.certificates import key_digest, new_key
from reconciler.tls.contexts import client_context
from reconciler.tls.passport import Passport
from reconciler.tls.passport_folder import PassportFolder
from reconciler.tls.requests import make_request, requested_key
from reconciler.tls.standing import standing
from tests.tls.fleet import ADMIN, AGENT, HOUR, OTHER, Orchestrator, get, moment, new_authority, refused, run

NOW = moment()
AUTHORITY = new_authority(NOW - 30 * HOUR)
Step = Callable[[PassportFolder], object]


def answer(folder: PassportFolder, *, now: object = NOW) -> Issued:
    return AUTHORITY.sign(folder.request(), AGENT, now=now)  # type: ignore[arg-type]


def renew(folder: PassportFolder) -> None:
    issued = answer(folder)
    folder.proven(folder.receive(issued.chain, issued.roots))


@pytest.fixture
def folder(tmp_path: Path) -> PassportFolder:
    return PassportFolder(tmp_path / "agent", AGENT)


def names(folder: PassportFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


def test_the_key_is_there_before_anybody_is_asked_and_the_former_passport_until_the_new_one_works(
    folder: PassportFolder,
) -> None:
    assert folder.read().to_try == ()
    request = folder.request()
    assert names(folder) == ["next.key"]
    assert folder.read().asking
    assert folder.request() != request, "signed anew"
    assert requested_key(folder.request()) == requested_key(request), "of the same key"
    issued = AUTHORITY.sign(request, AGENT, now=NOW)
    first = folder.receive(issued.chain, issued.roots)
    assert names(folder) == ["passport.next.pem"]
    folder.proven(first)
    assert names(folder) == ["passport.pem"]
    issued = answer(folder)
    second = folder.receive(issued.chain, issued.roots)
    assert folder.read().to_try == (second, first)
    folder.give_up()
    assert folder.read().to_try == (first,)
    renew(folder)
    assert first not in folder.read().to_try


def test_nobody_else_can_read_it(folder: PassportFolder) -> None:
    folder.path.chmod(0o755)
    again = PassportFolder(folder.path, AGENT)
    renew(again)
    again.request()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()} == {0o600}
    again.forget()
    assert names(folder) == []


def test_an_answer_to_something_else_changes_nothing(folder: PassportFolder) -> None:
    renew(folder)
    before = folder.read().proven
    request = folder.request()
    other, twin = AUTHORITY.sign(make_request(new_key()), AGENT, now=NOW), new_authority(NOW)
    mine, elsewhere = AUTHORITY.sign(request, AGENT, now=NOW), AUTHORITY.sign(request, OTHER, now=NOW)
    for told, chain, roots in (
        ("is of another key|of another key", other.chain, other.roots),
        ("of another authority", mine.chain, twin.bundle),
        ("is of agent host-b, not of agent host-a", elsewhere.chain, elsewhere.roots),
        ("cannot be read as certificates", b"hello", mine.roots),
    ):
        with pytest.raises(AccessRefused, match=told):
            folder.receive(chain, roots)
        papers = folder.read()
        assert (papers.to_try, papers.asking) == ((before,), True)
    folder.receive(mine.chain, mine.roots)
    with pytest.raises(StateDamaged, match="no certificate was asked for"):
        folder.receive(mine.chain, mine.roots)


def test_a_file_that_cannot_be_used_is_told_and_stops_nothing(folder: PassportFolder) -> None:
    renew(folder)
    proven = folder.read().proven
    issued = answer(folder)
    folder.receive(issued.chain, issued.roots)
    new = folder.path / "passport.next.pem"
    whole = new.read_bytes()
    for damage in (b"", whole[:900], whole.replace(b"PRIVATE", b"PUBLIC"), AUTHORITY.bundle):
        new.write_bytes(damage)
        papers = folder.read()
        assert papers.to_try == (proven,)
        assert len(papers.problems) == 1
        assert str(new) in papers.problems[0]
    new.write_bytes(AUTHORITY.passport(ADMIN, now=NOW).content().reveal())
    assert "is of admin ada, not of agent host-a" in folder.read().problems[0]
    new.write_bytes(whole)
    new.chmod(0o644)
    assert "others than its owner can read" in folder.read().problems[0]
    renew(folder)
    assert folder.read().problems == ()


def test_a_damaged_key_is_made_anew(folder: PassportFolder) -> None:
    folder.request()
    key = folder.path / "next.key"
    key.write_bytes(b"hello")
    with pytest.raises(StateDamaged, match="has no usable key"):
        folder.receive(b"", b"")
    key.chmod(0o644)
    with pytest.raises(StateDamaged, match="others than its owner can read"):
        folder.receive(b"", b"")
    renew(folder)
    assert folder.read().proven


class Killed(BaseException):
    """In place of a SIGKILL."""


def ended_at(number: int, folder: PassportFolder, *, after: bool) -> bool:
    """Renew, and end right before or after the ``number``-th change of a file; whether it came to it."""
    numbers = count(1)

    def at(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            reached = next(numbers) == number
            done = real(*args, **more) if after or not reached else None
            if reached:
                raise Killed
            return done

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("write_file", "create_file", "remove_file"):
            patch.setattr(passport_folder, name, at(getattr(passport_folder, name)))
        try:
            renew(folder)
        except Killed:
            return True
    return False


@pytest.mark.fault("X10")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_of_a_renewal_it_has_a_passport_that_works(after: bool, tmp_path: Path) -> None:
    """Right before and right after each change of a file: all that lies there to be tried is let in, and the next
    renewal comes to its end.
    """

    async def goes_on(folder: PassportFolder, url: str) -> None:
        papers = folder.read()
        assert papers.to_try
        assert not papers.problems
        for passport in papers.to_try:
            assert (await get(url, client_context(passport)))[0] == 200
        renew(folder)
        assert folder.read().proven != papers.proven
        assert names(folder) == ["passport.pem"]

    async def main() -> list[bool]:
        ended = []
        async with Orchestrator(AUTHORITY).serving() as server:
            for number in range(1, 7):
                folder = PassportFolder(tmp_path / str(number), AGENT)
                renew(folder)
                ended.append(ended_at(number, folder, after=after))
                await goes_on(PassportFolder(folder.path, AGENT), f"{server.url}/agents")
        return ended

    assert run(main()) == [True] * 5 + [False], "five changes of files, and each met it"


@pytest.mark.fault("X10")
def test_killed_in_the_first_enrolment_the_same_key_is_used_again(folder: PassportFolder) -> None:
    key = key_digest(requested_key(folder.request()))
    again = PassportFolder(folder.path, AGENT)
    assert key_digest(requested_key(again.request())) == key


@pytest.mark.fault("X10")
def test_a_renewal_that_fails_for_long_is_told_and_what_is_there_works_to_its_end(folder: PassportFolder) -> None:
    """Due after at most 70 % of its life; then ever less is left, until it has expired. It can enroll anew."""
    issued = answer(folder, now=NOW - 23 * HOUR)
    folder.proven(folder.receive(issued.chain, issued.roots))
    folder.request()

    def at(hours: int) -> tuple[str, int]:
        found = standing(folder.read(), now=NOW + hours * HOUR, chance=1.0)
        assert found.left is not None
        return found.state, found.left // HOUR

    assert [at(-12), at(-6), at(0), at(1), at(30)] == [
        ("valid", 13),
        ("due", 7),
        ("due", 1),
        ("expired", 0),
        ("expired", -29),
    ]

    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server:
            (passport,) = folder.read().to_try
            assert (await get(f"{server.url}/agents", client_context(passport)))[0] == 200

    run(main())
    renew(folder)
    assert at(0) == ("valid", 24)


@pytest.mark.fault("X10")
def test_a_new_certificate_that_does_not_work_leaves_the_former_in_use(folder: PassportFolder) -> None:
    """The server signs by an authority that it does not trust itself: a mistake of its operator's."""
    renew(folder)
    former, strange = folder.read().proven, new_authority(NOW)
    issued = strange.sign(folder.request(), AGENT, now=NOW)
    folder.receive(issued.chain, issued.roots)

    async def main() -> None:
        async with Orchestrator(AUTHORITY).serving() as server:
            works = [
                not await refused(f"{server.url}/agents", client_context(item)) for item in folder.read().to_try
            ]
            assert works == [False, True]

    run(main())
    folder.give_up()
    assert folder.read().to_try == (former,)


def test_a_passport_that_takes_the_place_of_the_former_one_while_both_are_read_is_seen(
    folder: PassportFolder,
) -> None:
    """By the one who connects, while the session that has just begun proves it."""
    renew(folder)
    issued = answer(folder)
    new = folder.receive(issued.chain, issued.roots)
    looked = count(1)

    class Meanwhile(PassportFolder):
        def _passport(self, name: str, problems: list[str]) -> Passport | None:
            found = super()._passport(name, problems)
            if next(looked) == 1:
                folder.proven(new)
            return found

    assert Meanwhile(folder.path, AGENT).read().to_try[0] == new
