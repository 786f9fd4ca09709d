from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.agent.place import TaskKey
from reconciler.agent.policy import read_agent_policy
from reconciler.agent.signing import trusted, verifier
from reconciler.errors import InputError, InvalidSettings
from reconciler.protocol.agent_policy import BY_DEFAULT, NamedCommand
from reconciler.protocol.reading import as_value
from reconciler.sealing.release_keys import new_release_key
from tests.agent.orchestrator import signed
from tests.protocol.makers import task


def write(folder: Path, text: str) -> Path:
    path = folder / "agent.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_without_a_file_what_runs_no_commands_and_writes_no_files_is_allowed(tmp_path: Path) -> None:
    word = read_agent_policy(tmp_path / "agent.yaml", needed=False)
    assert word.policy.task_types == BY_DEFAULT
    assert "execute-command" not in word.policy.task_types
    assert word.with_keys(known=True).signed
    assert not word.with_keys(known=False).signed
    with pytest.raises(InvalidSettings, match="is not there"):
        read_agent_policy(tmp_path / "agent.yaml", needed=True)


def test_what_the_file_says_is_in_force(tmp_path: Path) -> None:
    key = tmp_path / "release.pem"
    key.write_bytes(new_release_key().public)
    key.chmod(0o600)
    text = (
        f"version: 1\ntaskTypes: [inspect]\nlongestSeconds: 60\nartifactBytes: 10\nsigned: false\nkeys: [{key}]\n"
    )
    word = read_agent_policy(write(tmp_path, text), needed=True)
    assert word.policy.task_types == frozenset({"inspect"})
    assert (word.policy.longest_seconds, word.policy.artifact_bytes) == (60, 10)
    assert word.keys == (key.read_bytes(),)
    assert not word.with_keys(known=True).signed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 2\n", "version must be 1"),
        ("version: 1\ncomands: {}\n", "comands is not known"),
        ("version: 1\ntaskTypes: [dance]\n", "taskTypes must be a list of deploy"),
        ("version: 1\ntaskTypes: [upload-files]\n", "names upload-files, and uploadRoots no folder"),
        ("version: 1\ntaskTypes: [execute-command]\n", "names execute-command, and commands none"),
        ("version: 1\ncommands: [x]\n", "commands must name commands"),
        ("version: 1\ncommands: {Bad: {argv: [/x]}}\n", "commands names 'Bad'"),
        ("version: 1\ncommands: {x: {}}\n", "says nothing of the argv of x"),
        ("version: 1\ncommands: {x: {argv: sh -c}}\n", "wants a list of texts as argv of x"),
        ("version: 1\ncommands: {x: {argv: [sh]}}\n", "absolute path of a program"),
        ("version: 1\ncommands: {x: {argv: [/x], user: root}}\n", "says user of x, which is not known"),
        ("version: 1\ncommands: {x: {argv: [/x], in: host}}\n", "it is container or sandbox"),
        ("version: 1\ncommands: {x: {argv: [/x], network: none}}\n", "a sandbox has one, none or container"),
        ("version: 1\ncommands: {x: {argv: [/x], arguments: 33}}\n", "from 0 to 32 as arguments of x"),
        ("version: 1\ncommands: {x: {argv: [/x], longestSeconds: 0}}\n", "as longestSeconds of x"),
        ("version: 1\nuploadRoots: /srv\n", "uploadRoots must be a list of absolute paths"),
        ("version: 1\nuploadRoots: [/srv/../etc]\n", "uploadRoots names '/srv/../etc'"),
        ("version: 1\nuploadRoots: [/]\n", "uploadRoots names '/'"),
        ("version: 1\nuploadBytes: none\n", "uploadBytes must be a whole number"),
        ("version: 1\nlongestSeconds: 0\n", "longestSeconds must be a whole number"),
        ("version: 1\nsigned: maybe\n", "signed must be true or false"),
        ("version: 1\nkeys: [release.pem]\n", "absolute paths"),
        ("version: 1\nkeys: [/nowhere/release.pem]\n", "the key /nowhere/release.pem is not there"),
        ("version: 1\nversion: 1\n", "agent.yaml:2"),
        ("[]\n", "one YAML document with keys"),
    ],
)
def test_what_is_wrong_is_told_and_stops_the_start(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidSettings, match=told):
        read_agent_policy(write(tmp_path, text), needed=True)


def test_a_file_that_others_can_change_is_not_used(tmp_path: Path) -> None:
    path = write(tmp_path, "version: 1\n")
    path.chmod(0o666)
    with pytest.raises(InvalidSettings, match="others than its owner can change it"):
        read_agent_policy(path, needed=True)


def test_the_hosts_own_keys_count_alone() -> None:
    ours, theirs = new_release_key(), new_release_key()
    verify = verifier(trusted((), (ours.public,)))
    assert verify(as_value(signed(task(), ours))) == ""
    assert "not trusted" in verify(as_value(signed(task(), theirs)))
    assert verify(as_value(task())) == ""


def test_keys_of_the_orchestrator_count_where_the_host_names_none() -> None:
    theirs = new_release_key()
    told = TaskKey(key_id=theirs.id, algorithm="Ed25519", value=theirs.public.decode())
    assert verifier(trusted((told,), ()))(as_value(signed(task(), theirs))) == ""
    with pytest.raises(InputError, match="no public key"):
        trusted((replace(told, value="AAAA"),), ())


def test_nothing_is_uploaded_where_the_program_keeps_its_own(tmp_path: Path) -> None:
    place = tmp_path / "state"
    place.mkdir()
    (tmp_path / "linked").symlink_to(place)
    for root in (place, place / "fleet", tmp_path, tmp_path / "linked"):
        path = write(tmp_path, f"version: 1\nuploadRoots: [{root}]\n")
        with pytest.raises(InvalidSettings, match="is the program's own"):
            read_agent_policy(path, needed=True, places=(place,))
    path = write(tmp_path, f"version: 1\nuploadRoots: [{tmp_path / 'uploads'}]\nuploadBytes: 7\n")
    word = read_agent_policy(path, needed=True, places=(place,))
    assert (word.policy.upload_roots, word.policy.upload_bytes) == ((str(tmp_path / "uploads"),), 7)


def test_a_command_is_what_its_entry_says(tmp_path: Path) -> None:
    text = (
        "version: 1\ntaskTypes: [execute-command]\ncommands:\n"
        "  flush: {argv: [/bin/redis-cli, FLUSHALL], arguments: 1, longestSeconds: 5, documents: [web]}\n"
        "  check: {argv: [/app/check], in: sandbox, network: container}\n"
    )
    commands = read_agent_policy(write(tmp_path, text), needed=True).policy.commands
    assert commands["flush"] == NamedCommand(
        argv=("/bin/redis-cli", "FLUSHALL"), arguments=1, longest_seconds=5, documents=("web",)
    )
    assert commands["check"] == NamedCommand(argv=("/app/check",), place="sandbox", network="container")
