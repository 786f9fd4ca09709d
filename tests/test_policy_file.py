"""The policy file of a host: whose word counts, and when it is read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.core.policy_values import BUILT_IN, SOCKETS, Policy
from reconciler.core.signing import PublicKey
from reconciler.errors import InvalidSettings
from reconciler.policy_file import PolicyFile, leads_to, policy_of_host


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir(mode=0o755)
    path = folder / "policy.yaml"
    write(path, "version: 1\nprivileged: true\n")
    return path


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def test_a_file_is_the_policy_and_is_guarded_itself(file: Path) -> None:
    policy = PolicyFile(file, needed=True, engine_sockets=("/opt/e.sock",), guarded=("/srv/state",)).load()
    assert policy.privileged
    assert policy.source == str(file)
    assert policy.engine_sockets == (*SOCKETS, "/opt/e.sock")
    assert {str(file), "/srv/state"} <= set(policy.guarded)


def test_without_a_file_the_built_in_policy_is_in_force_until_there_is_one(file: Path) -> None:
    file.unlink()
    read = PolicyFile(file, needed=False)
    assert read.missing
    assert read.load().source == BUILT_IN
    write(file, "version: 1\nengineSocket: true\n")
    assert read.current().engine_socket
    assert not read.missing


def test_a_file_that_was_named_must_be_there(file: Path) -> None:
    with pytest.raises(InvalidSettings, match="cannot be read: No such file") as caught:
        PolicyFile(file.parent / "other.yaml", needed=True).load()
    assert caught.value.hint == "put it there, or take the setting policy away"


def test_what_is_wrong_is_told_with_its_place(file: Path) -> None:
    write(file, "version: 1\nprivileged: maybe\n")
    with pytest.raises(InvalidSettings, match=r"policy\.yaml:2:13: privileged: must be true or false"):
        PolicyFile(file, needed=True).current()


def test_a_changed_file_is_in_force_at_once_and_a_wrong_one_never(file: Path) -> None:
    read = PolicyFile(file, needed=True)
    first = read.load()
    assert read.current() is first
    write(file, "version: 1\nprivileged: perhaps\n")
    assert read.current() is first
    assert "perhaps" not in str(first)
    assert read.trouble is not None
    assert "policy.yaml:2:13" in str(read.trouble)
    assert read.current() is first
    write(file, "version: 1\n")
    assert not read.current().privileged
    assert read.trouble is None


def test_a_file_that_goes_while_we_run_leaves_the_last_good_policy(file: Path) -> None:
    read = PolicyFile(file, needed=False)
    first = read.load()
    file.unlink()
    assert read.current() is first
    assert "is gone" in str(read.trouble)
    write(file, "version: 1\n")
    assert not read.current().privileged
    assert read.trouble is None


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_can_write_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(InvalidSettings, match="can be written by others than its owner"):
        PolicyFile(file, needed=True).load()


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_can_write_is_refused(file: Path, mode: int) -> None:
    file.parent.chmod(mode)
    with pytest.raises(InvalidSettings, match=r"others can write to .*own"):
        PolicyFile(file, needed=True).load()


def test_a_folder_above_that_others_can_write_is_refused_unless_it_is_sticky(file: Path) -> None:
    file.parent.parent.chmod(0o777)
    with pytest.raises(InvalidSettings, match="others can write to"):
        PolicyFile(file, needed=True).load()
    file.parent.parent.chmod(0o1777)
    assert PolicyFile(file, needed=True).load().privileged


def test_a_link_is_followed_and_both_ends_are_held_to_the_same(file: Path, tmp_path: Path) -> None:
    place = tmp_path / "links"
    place.mkdir(mode=0o755)
    link = place / "policy.yaml"
    link.symlink_to(file)
    assert PolicyFile(link, needed=True).load().privileged
    file.parent.chmod(0o777)
    with pytest.raises(InvalidSettings, match=r"others can write to .*own"):
        PolicyFile(link, needed=True).load()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_is_refused(file: Path) -> None:
    os.chown(file, 4711, 4711)
    with pytest.raises(InvalidSettings, match="belongs to user 4711"):
        PolicyFile(file, needed=True).load()
    os.chown(file, 0, 0)
    os.chown(file.parent, 4711, 4711)
    with pytest.raises(InvalidSettings, match="own belongs to user 4711"):
        PolicyFile(file, needed=True).load()
    os.chown(file, 4711, 4711)
    os.chown(file.parent.parent, 0, 0)
    assert PolicyFile(file, needed=True, uid=lambda: 4711).load().privileged


def test_what_is_no_file_is_refused_without_waiting(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o644)
    with pytest.raises(InvalidSettings, match="is not a regular file"):
        PolicyFile(file, needed=True).load()


def test_where_links_lead_is_told(tmp_path: Path) -> None:
    place = tmp_path.resolve()
    (place / "real").mkdir()
    (place / "link").symlink_to(place / "real")
    paths = (f"{place}/real", f"{place}/link/below", f"{place}//real/", f"{place}/nothing")
    assert leads_to(paths) == {f"{place}/link/below": f"{place}/real/below"}


def test_a_host_guards_its_state_and_the_socket_of_its_engine(file: Path, tmp_path: Path) -> None:
    (tmp_path / "state").symlink_to(tmp_path / "real")
    policy = policy_of_host(file, needed=True, engine="unix:///opt/e.sock", places=(tmp_path / "state",)).load()
    assert "/opt/e.sock" in policy.engine_sockets
    assert {str(tmp_path / "state"), str(tmp_path.resolve() / "real")} <= set(policy.guarded)
    far = policy_of_host(file, needed=True, engine="tcp://host:2376", places=(tmp_path,)).load()
    assert far.engine_sockets == SOCKETS


def key_of(path: str, content: bytes) -> PublicKey:
    if content == b"broken":
        raise InvalidSettings(f"{path} is broken")
    return PublicKey(path, content.decode(), content)


@pytest.fixture
def signed(file: Path) -> PolicyFile:
    key = file.parent / "k.pub"
    write(key, "one")
    write(file, f"version: 1\nsignatures: [{{prefix: shop, keys: [{key}]}}]\n")
    return PolicyFile(file, needed=True, read_key=key_of)


def fingerprint(policy: Policy) -> str:
    return policy.signatures[0].keys[0].fingerprint


def test_keys_are_read_with_the_policy_and_again_when_they_change(file: Path, signed: PolicyFile) -> None:
    assert fingerprint(signed.load()) == "one"
    assert fingerprint(signed.current()) == "one"
    assert signed.current() is signed.current()
    write(file.parent / "k.pub", "second")
    assert fingerprint(signed.current()) == "second"


def test_keys_are_guarded_by_both_their_names(file: Path) -> None:
    key, link = file.parent / "real.pub", file.parent / "k.pub"
    write(key, "one")
    link.symlink_to(key)
    write(file, f"version: 1\nsignatures: [{{prefix: shop, keys: [{link}]}}]\n")
    guarded = PolicyFile(file, needed=True, read_key=key_of).load().guarded
    assert {str(link), str(key.resolve())} <= set(guarded)


def test_a_key_that_becomes_wrong_leaves_the_last_good_policy_in_force(file: Path, signed: PolicyFile) -> None:
    signed.load()
    key = file.parent / "k.pub"
    write(key, "broken")
    assert fingerprint(signed.current()) == "one"
    assert signed.trouble is not None
    assert f"{key} is broken" in str(signed.trouble)
    key.unlink()
    assert fingerprint(signed.current()) == "one"
    assert f"the key {key} cannot be read: No such file" in str(signed.trouble)
    assert signed.trouble is not None
    assert signed.trouble.hint == f"put it there, or take it out of signatures in {file}"
    write(key, "third")
    assert fingerprint(signed.current()) == "third"
    assert signed.trouble is None


def test_a_key_that_others_can_write_is_an_error_of_the_policy(file: Path, signed: PolicyFile) -> None:
    (file.parent / "k.pub").chmod(0o666)
    with pytest.raises(InvalidSettings, match=r"the key .*k\.pub can be written by others"):
        signed.load()


def test_keys_need_somebody_who_reads_them(file: Path, signed: PolicyFile) -> None:
    with pytest.raises(InvalidSettings, match="cannot be read as a key"):
        PolicyFile(file, needed=True).load()
