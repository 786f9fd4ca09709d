"""A root takes the place of another, and nobody is locked out by it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import atomic
from reconciler.errors import InputError, StateDamaged, StateLocked
from reconciler.tls import authority_folder, rotation
from reconciler.tls.authority_folder import AuthorityFolder
from reconciler.tls.certificates import LEAF_LIFE, new_key
from reconciler.tls.contexts import client_context
from reconciler.tls.passport import Passport, make_passport
from reconciler.tls.requests import make_request
from reconciler.tls.rotation import Roots
from tests.tls.fleet import AGENT, NAMES, SERVER, Orchestrator, moment, new_authority, refused, run

NOW = moment()
DAY = timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> AuthorityFolder:
    made = AuthorityFolder(tmp_path / "authority")
    made.create(now=NOW)
    return made


def names(folder: AuthorityFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


def renewed(folder: AuthorityFolder, now: datetime) -> Passport:
    key = new_key()
    issued = folder.authority().sign(make_request(key), AGENT, now=now)
    return make_passport(key, issued.chain, issued.roots)


@given(st.lists(st.tuples(st.sampled_from(["introduce", "switch", "retire"]), st.integers(0, 30)), max_size=30))
def test_whoever_renews_in_time_always_knows_the_root_that_signs(steps: list[tuple[str, int]]) -> None:
    """A member's certificate and roots are at most one life old, whatever is tried in between."""
    roots, now, numbers = Roots("r0", ("r0",), NOW), NOW, count(1)
    handed_out = [(now, roots)]
    for step, hours in steps:
        now += timedelta(hours=hours)
        try:
            if step == "introduce":
                roots = rotation.introduced(roots, f"r{next(numbers)}", now=now)
            elif step == "switch":
                roots = rotation.switched(roots, now=now, life=LEAF_LIFE)
            else:
                roots = rotation.retired(roots, now=now, life=LEAF_LIFE)
        except InputError:
            pass
        handed_out.append((now, roots))
        for then, had in handed_out:
            if now < then + LEAF_LIFE and had is not roots:
                assert roots.signing in had.trusted, "the server is not known to it"
                assert had.signing in roots.trusted, "it is not known to the server"


def test_steps_come_in_their_turn_and_not_too_early() -> None:
    roots = Roots("old", ("old",), NOW)
    with pytest.raises(InputError, match=r"'switch' now: they are steady \(the next step is 'introduce'\)"):
        rotation.switched(roots, now=NOW, life=DAY)
    roots = rotation.introduced(roots, "new", now=NOW)
    assert (roots.phase, roots.signing, roots.earliest(DAY)) == ("introduced", "old", NOW + DAY)
    with pytest.raises(InputError, match="too early to switch"):
        rotation.switched(roots, now=NOW + DAY / 2, life=DAY)
    roots = rotation.switched(roots, now=NOW + DAY, life=DAY)
    assert (roots.phase, roots.signing, roots.trusted) == ("overlap", "new", ("old", "new"))
    with pytest.raises(InputError, match="too early to retire"):
        rotation.retired(roots, now=NOW + DAY, life=DAY)
    with pytest.raises(InputError, match="'introduce' now"):
        rotation.introduced(roots, "newer", now=NOW + 3 * DAY)
    roots = rotation.retired(roots, now=NOW + 2 * DAY, life=DAY)
    assert (roots.phase, roots.trusted, roots.earliest(DAY)) == ("steady", ("new",), NOW + 2 * DAY)


@pytest.mark.parametrize("trusted", [(), ("b",), ("a", "a"), ("a", "b", "c")])
def test_no_other_roots_can_come_of_it(trusted: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="one or two roots"):
        Roots("a", trusted, NOW)


@pytest.mark.fault("X9")
def test_a_rotation_with_overlap_is_no_outage_and_ends_with_the_old_root_refused(folder: AuthorityFolder) -> None:
    """An agent that renews once between two steps reaches the server at every moment."""

    async def main() -> None:
        server = Orchestrator(folder.authority())

        async def reaches(passport: Passport) -> bool:
            shown = folder.authority().passport(SERVER, names=NAMES, now=moment())
            server.context.use(shown)
            return not await refused(f"{server.url}/agents", client_context(passport))

        async with server.serving():
            first = renewed(folder, moment())
            assert await reaches(first)
            folder.introduce(now=NOW)
            assert await reaches(first)
            second = renewed(folder, moment())
            assert len(second.roots) == 2
            folder.switch(now=NOW + DAY)
            assert await reaches(second)
            assert not await reaches(first), "it slept for more than its certificate's life"
            third = renewed(folder, moment())
            assert [await reaches(item) for item in (second, third)] == [True, True]
            folder.retire(now=NOW + 2 * DAY)
            fourth = renewed(folder, moment())
            assert [await reaches(item) for item in (third, fourth)] == [True, True]
            assert not await reaches(replace(second, roots=fourth.roots))
            assert fourth.trusted == (folder.authority().fingerprint,)

    run(main())


def test_a_new_authority_is_a_private_folder_that_comes_back_as_it_was(folder: AuthorityFolder) -> None:
    authority = folder.authority()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()} == {0o600}
    again = AuthorityFolder(folder.path).authority()
    assert (again.fingerprint, again.bundle) == (authority.fingerprint, authority.bundle)
    with pytest.raises(InputError, match="has an authority already"):
        folder.create(now=NOW)
    assert folder.authority().fingerprint == authority.fingerprint
    assert len(names(folder)) == 4


def test_an_authority_that_others_can_read_is_not_used(folder: AuthorityFolder) -> None:
    folder.path.chmod(0o750)
    for use in (folder.authority, lambda: folder.introduce(now=NOW)):
        with pytest.raises(StateDamaged, match="others can look into its folder"):
            use()
    folder.path.chmod(0o700)
    for path in folder.path.glob("*.pem"):
        path.chmod(0o640)
        with pytest.raises(StateDamaged, match="others than its owner can read"):
            folder.authority()
        path.chmod(0o600)
    assert folder.authority()


def test_what_is_missing_or_damaged_is_named(folder: AuthorityFolder, tmp_path: Path) -> None:
    kept = {path: path.read_bytes() for path in folder.path.iterdir() if path.suffix != ".key"}
    other = AuthorityFolder(tmp_path / "other")
    other.create(now=NOW)
    foreign = {path.name.split("-")[0]: path.read_bytes() for path in other.path.glob("*.pem")}
    for path, content in kept.items():
        for damage in (
            None,
            b"",
            b"hello",
            content[: len(content) // 2],
            foreign.get(path.name.split("-")[0], b""),
        ):
            path.unlink() if damage is None else path.write_bytes(damage)
            with pytest.raises(StateDamaged, match="the authority cannot be used: " + str(path)):
                folder.authority()
            atomic.write_file(path, content, mode=0o600)
    assert folder.authority()
    mixed = next(path for path in kept if path.name.startswith("issuing"))
    mixed.write_bytes(kept[mixed][: kept[mixed].index(b"-----BEGIN CERT")] + foreign["issuing"][250:])
    with pytest.raises(StateDamaged, match=mixed.name):
        folder.authority()
    with pytest.raises(StateDamaged, match="cannot be used"):
        AuthorityFolder(tmp_path / "none").authority()


def test_the_roots_key_can_lie_elsewhere_until_it_is_needed(folder: AuthorityFolder, tmp_path: Path) -> None:
    before = folder.authority()
    (key,) = folder.path.glob("*.key")
    shutil.move(key, tmp_path)
    assert renewed(folder, NOW).member == AGENT
    with pytest.raises(StateDamaged, match="is needed for this"):
        folder.renew_issuing(now=NOW)
    key.write_bytes(b"hello")
    key.chmod(0o600)
    with pytest.raises(StateDamaged, match="has no usable key"):
        folder.renew_issuing(now=NOW)
    shutil.move(tmp_path / key.name, key)
    after = folder.renew_issuing(now=NOW)
    assert after.fingerprint == before.fingerprint
    assert after.issuing.certificate != before.issuing.certificate


def test_two_processes_do_not_change_it_at_once(folder: AuthorityFolder) -> None:
    handle = os.open(folder.path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(StateLocked, match="changed by another process"):
            folder.introduce(now=NOW)
        assert folder.authority()
    finally:
        os.close(handle)
    assert folder.introduce(now=NOW).phase == "introduced"


def test_a_step_in_the_middle_of_a_reading_is_no_damage(folder: AuthorityFolder) -> None:
    folder.introduce(now=NOW)
    folder.switch(now=NOW + DAY)

    class Slow(AuthorityFolder):
        def roots(self) -> Roots:
            found = super().roots()
            if found.phase == "overlap":
                folder.retire(now=NOW + 2 * DAY)
            return found

    assert len(Slow(folder.path).authority().roots) == 1


class Killed(BaseException):
    """In place of a SIGKILL."""


def killed_at(number: int, monkeypatch: pytest.MonkeyPatch, module: object, *calls: str) -> None:
    """The process ends right before the ``number``-th of these calls of a module."""
    numbers = count(1)

    def before(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            if next(numbers) == number:
                raise Killed
            return real(*args, **more)

        return call

    for name in calls:
        monkeypatch.setattr(module, name, before(getattr(module, name)))


STEPS: dict[str, Callable[[AuthorityFolder], object]] = {
    "introduce": lambda folder: folder.introduce(now=NOW),
    "switch": lambda folder: folder.switch(now=NOW + DAY),
    "retire": lambda folder: folder.retire(now=NOW + 2 * DAY),
}


def up_to(step: str) -> Iterator[Callable[[AuthorityFolder], object]]:
    for name, action in STEPS.items():
        if name == step:
            return
        yield action


@pytest.mark.fault("X9")
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_write_of_a_step_there_is_the_former_or_the_new_authority(step: str, tmp_path: Path) -> None:
    kills, writes = 0, {"introduce": 4, "switch": 1, "retire": 4}[step]
    for number in range(1, writes + 2):
        folder = AuthorityFolder(tmp_path / str(number))
        folder.create(now=NOW)
        for action in up_to(step):
            action(folder)
        before, path = folder.roots(), folder.path
        with pytest.MonkeyPatch.context() as patch:
            killed_at(number, patch, authority_folder, "write_file", "remove_file")
            try:
                STEPS[step](folder)
            except Killed:
                kills += 1
        assert AuthorityFolder(path).authority().sign(make_request(new_key()), AGENT, now=NOW)
        if folder.roots() == before:
            STEPS[step](folder)
        for action in list(STEPS.values())[list(STEPS).index(step) + 1 :]:
            action(folder)
        assert folder.roots().phase == "steady"
        folder.tidy()
        assert len(names(folder)) == 4, "nothing is left over"
    assert kills == writes


def test_killed_while_it_is_made_there_is_none_and_it_can_be_made(tmp_path: Path) -> None:
    for number in range(1, 5):
        folder = AuthorityFolder(tmp_path / str(number))
        with pytest.MonkeyPatch.context() as patch:
            killed_at(number, patch, authority_folder, "write_file", "create_file")
            with pytest.raises(Killed):
                folder.create(now=NOW)
        with pytest.raises(StateDamaged, match="is not there"):
            folder.authority()
        assert folder.create(now=NOW).fingerprint == folder.roots().signing


def test_another_root_in_its_place_is_seen(folder: AuthorityFolder) -> None:
    (root,) = folder.path.glob("root-*.pem")
    root.write_bytes(new_authority(NOW).bundle)
    with pytest.raises(StateDamaged, match="is another root than"):
        folder.authority()
