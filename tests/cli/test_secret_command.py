"""``secret``: values never as arguments, texts that stay as they are, nothing written unless all of it opens."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.secret_text import find_sealed, with_ciphertexts, with_secret
from reconciler.cli.secret_value import one_line
from reconciler.core.secret import Secret
from reconciler.credentials import age
from reconciler.errors import InputError, InvalidDocuments
from tests.parts.host import program

KEY, PUBLIC = age.new_key()
_, OTHER = age.new_key()
HEAD = "apiVersion: stella/v1\nkind: Container\nmetadata: {name: web}   # ours\nspec:\n  image: a/b\n"
CONFIG = "  config:\n    user: app   # not root\n    # the end\n"
WEB = f"# the shop 🛒\n{HEAD}{CONFIG}---\nkind: Container\nmetadata: {{name: db}}\n"
Ran = subprocess.CompletedProcess[bytes]
Command = Callable[..., Ran]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs ``reconciler secret`` in a process of its own: standard input and output are bytes here."""
    identity = tmp_path / "identity.txt"
    identity.touch(mode=0o600)
    identity.write_bytes(KEY.reveal())

    def ran(*words: str, given: bytes = b"") -> Ran:
        return subprocess.run(
            [sys.executable, "-m", "reconciler", "secret", *words],
            input=given,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "RECONCILER_IDENTITY": str(identity), "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    return ran


def sealed(value: str = "old", recipient: str = PUBLIC) -> str:
    return age.seal(Secret(value.encode()), [recipient])


def opened(text: str) -> str:
    return age.open_sealed(text.encode(), age.read_keys(KEY.text())).text()


@pytest.mark.parametrize(
    ("given", "value", "told"),
    [
        (b"hunter2\n", b"hunter2", b"7 bytes, without the line break at its end"),
        (b"hunter2\r\n", b"hunter2", b"7 bytes, without"),
        (b"hunter2", b"hunter2", b"7 bytes\n"),
        (b"-----BEGIN\nkey\n", b"-----BEGIN\nkey\n", b"2 lines, kept to the byte"),
        (b"\x00\xff", b"\x00\xff", b"2 bytes"),
    ],
)
def test_a_piped_value_comes_out_as_it_was_meant(
    command: Command, given: bytes, value: bytes, told: bytes
) -> None:
    encrypted = command("encrypt", given=given)
    assert encrypted.stdout.startswith(age.BEGIN.encode())
    assert told in encrypted.stderr
    assert given.strip() not in encrypted.stdout + encrypted.stderr
    assert command("decrypt", given=encrypted.stdout).stdout == value


def test_a_line_break_is_kept_on_request(command: Command) -> None:
    encrypted = command("encrypt", "--keep-newline", given=b"hunter2\n")
    assert command("decrypt", given=encrypted.stdout).stdout == b"hunter2\n"


@given(st.binary())
def test_only_the_one_line_break_at_the_end_is_ever_left_out(content: bytes) -> None:
    assert one_line(content) in {content, content.removesuffix(b"\n"), content.removesuffix(b"\r\n")}
    assert one_line(content) == content or content.count(b"\n") == 1


@pytest.mark.parametrize("given", [b"", b"\n", b"x" * (256 * 1024 + 1)])
def test_an_empty_or_huge_value_is_refused(command: Command, given: bytes) -> None:
    done = command("encrypt", given=given)
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"the value" in done.stderr


def test_a_key_is_made_for_its_owner_alone_and_never_replaced(command: Command, tmp_path: Path) -> None:
    place = tmp_path / "new" / "key.txt"
    made = json.loads(command("keygen", "-o", str(place), "--json").stdout)
    content = place.read_text()
    assert made["publicKey"] in content
    assert place.stat().st_mode & 0o777 == 0o600
    again = command("keygen", "-o", str(place))
    assert again.returncode == 1
    assert b"is there already" in again.stderr
    assert place.read_text() == content
    printed = command("keygen", "-o", "-").stdout.decode()
    assert len(age.read_keys(content + printed)) == 2
    assert command("recipients", "--identity", str(place)).stdout.decode().strip() == made["publicKey"]
    plain = command("keygen", "-o", str(tmp_path / "third.txt"))
    assert plain.stdout.startswith(b"age1")
    assert b"AGE-SECRET-KEY" not in plain.stdout + plain.stderr


def test_a_value_is_written_into_its_document_and_nothing_else_changes(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(WEB)
    added = command("encrypt", "--document", str(file), "--name", "web/api", given=b"one")
    assert b"api of web added" in added.stdout
    assert command("encrypt", "--document", str(file), "--name", "web/two", given=b"two").returncode == 0
    done = command("encrypt", "--document", str(file), "--name", "api", "--json", given=b"three")
    assert json.loads(done.stdout)["added"] is False
    kept = [line for line in file.read_text().splitlines() if line in WEB.splitlines()]
    assert kept == WEB.splitlines()
    assert {item.id: opened(item.text) for item in find_sealed(file.read_text(), "f")} == {
        ("web", "api"): "three",
        ("web", "two"): "two",
    }
    assert command("decrypt", "--document", str(file), "--name", "two").stdout == b"two"
    strange = command("decrypt", "--document", str(file), "--name", "web/none")
    assert b"web has no secret none" in strange.stderr


def test_a_name_alone_prints_an_item_to_paste(command: Command) -> None:
    item = command("encrypt", "--name", "api", "-r", PUBLIC, given=b"one").stdout.decode()
    text = HEAD + "  config:\n    secrets:\n" + "".join(f"      {line}\n" for line in item.splitlines())
    assert [(found.id, opened(found.text)) for found in find_sealed(text, "f")] == [(("web", "api"), "one")]


def test_a_file_of_recipients_is_read_as_age_reads_it(command: Command, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"# ours\n\n{PUBLIC}\n")
    (tmp_path / "none").write_text("# nobody\n")
    done = command("encrypt", "-R", "keys", "-o", "x.age", given=b"one")
    assert (done.returncode, done.stdout) == (0, b"")
    assert command("decrypt", "x.age").stdout == b"one"
    assert b"has no key in it" in command("encrypt", "-R", "none", given=b"one").stderr
    told = json.loads(command("encrypt", "-r", OTHER, "--json", given=b"one").stdout)
    assert told["recipients"] == [OTHER]
    assert b"encrypted for others" in command("decrypt", given=told["encrypted"].encode()).stderr


def test_a_value_is_written_to_a_new_file_of_its_owner(command: Command, tmp_path: Path) -> None:
    (tmp_path / "x.age").write_text(sealed("one"))
    assert command("decrypt", "x.age", "-o", "value").returncode == 0
    assert (tmp_path / "value").read_bytes() == b"one"
    assert (tmp_path / "value").stat().st_mode & 0o777 == 0o600
    assert b"is there already" in command("decrypt", "x.age", "-o", "value").stderr


def test_rotation_changes_all_ciphertexts_and_no_value(command: Command, tmp_path: Path) -> None:
    file, whole = tmp_path / "web.yaml", tmp_path / "registries.age"
    before = with_secret(WEB, "f", document="web", name="api", sealed=sealed("one"))
    file.write_text(before)
    whole.write_text(sealed("all"))
    done = command("rotate", "web.yaml", "registries.age", "--to", PUBLIC, "--to", OTHER)
    assert done.returncode == 0, done.stderr
    assert b"web/api" in done.stdout
    assert b"deploys these documents again" in done.stderr
    assert file.read_text() != before
    assert [opened(item.text) for item in find_sealed(file.read_text(), "f")] == ["one"]
    assert opened(whole.read_text()) == "all"
    told = json.loads(command("rotate", "registries.age", "--to", PUBLIC, "--json").stdout)
    assert told["files"] == [{"file": "registries.age", "secrets": ["the whole file"]}]


def test_rotation_writes_nothing_unless_all_of_it_opens(command: Command, tmp_path: Path) -> None:
    good, bad = tmp_path / "a.yaml", tmp_path / "b.yaml"
    good.write_text(with_secret(WEB, "f", document="web", name="api", sealed=sealed()))
    bad.write_text(with_secret(WEB, "f", document="web", name="key", sealed=sealed(recipient=OTHER)))
    before = good.read_text(), bad.read_text()
    done = command("rotate", "a.yaml", "b.yaml", "--to", PUBLIC)
    assert done.returncode == 1
    assert b"b.yaml: key of web: is encrypted for others" in done.stderr
    assert (good.read_text(), bad.read_text()) == before
    good.write_text(WEB)
    assert b"has no secret in it" in command("rotate", "a.yaml", "--to", PUBLIC).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["encrypt", "--document", "web.yaml"], b"--document goes with --name"),
        (["encrypt", "--document", "web.yaml", "--name", "x", "-o", "y"], b"without --out"),
        (["encrypt", "--document", "web.yaml", "--name", "x"], b"cannot tell which document x is meant for"),
        (["encrypt", "--document", "none.yaml", "--name", "x"], b"cannot read none.yaml"),
        (["encrypt", "-r", "me"], b"'me' is no recipient"),
        (["encrypt", "--identity", "none.txt"], b"keygen -o"),
        (["decrypt", "x", "--document", "web.yaml", "--name", "x"], b"name a FILE, or"),
        (["decrypt", "none.age"], b"cannot read none.age"),
        (["decrypt"], b"standard input: is no age text"),
    ],
)
def test_what_cannot_be_done_is_told(command: Command, tmp_path: Path, words: list[str], told: bytes) -> None:
    (tmp_path / "web.yaml").write_text(WEB)
    done = command(*words, given=b"canary")
    assert done.returncode != 0
    assert told in done.stderr
    assert b"canary" not in done.stdout + done.stderr


def test_on_a_terminal_the_value_is_typed_unseen_and_shown_only_by_force(command: Command, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    (tmp_path / "x.age").write_text(sealed("one"))
    environment = {
        **os.environ,
        "RECONCILER_IDENTITY": str(tmp_path / "identity.txt"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    reconciler = [sys.executable, "-m", "reconciler", "secret"]
    typed = subprocess.Popen(
        [*reconciler, "encrypt"], stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=environment,
        start_new_session=True,
    )  # fmt: skip
    seen = b""
    for prompt in (b"Value: ", b"Once more: "):  # what is typed before a prompt is thrown away
        while not seen.endswith(prompt):
            seen += os.read(ours, 1024)
        os.write(ours, b"hunter2\n")
    out, _ = typed.communicate(timeout=30)
    assert opened(out.decode()) == "hunter2"
    assert b"hunter2" not in seen
    shown = [
        subprocess.run(
            [*reconciler, "decrypt", str(tmp_path / "x.age"), *force],
            stdout=theirs, stderr=subprocess.PIPE, env=environment, check=False,
        )
        for force in ([], ["--force"])
    ]  # fmt: skip
    assert [item.returncode for item in shown] == [1, 0]
    assert b"is a terminal" in shown[0].stderr
    assert os.read(ours, 4096).endswith(b"one")
    os.close(ours)
    os.close(theirs)


def test_an_ssh_identity_needs_its_public_key_named(command: Command, tmp_path: Path) -> None:
    keygen = program("ssh-keygen", package="openssh-client")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ssh")], check=True)
    done = command("encrypt", "--identity", "ssh", given=b"one")
    assert b"name it with -r" in done.stderr
    sealed = command("encrypt", "-R", "ssh.pub", given=b"one").stdout
    assert command("decrypt", "--identity", "ssh", given=sealed).stdout == b"one"


def test_a_huge_file_is_not_read_whole(command: Command, tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * (1024 * 1024 + 1))
    assert b"is larger than" in command("decrypt", "huge").stderr


def _listed(*items: str) -> str:
    return HEAD + "  config:\n    secrets:\n" + "".join(items)


ARMOR = sealed("old").strip()
BLOCK = "".join(f"          {line}\n" for line in ARMOR.splitlines())
STYLES = {
    "a block": _listed(f"      - name: api\n        encrypted: |\n{BLOCK}        mode: '0400'  # ours\n"),
    "a block with a comment": _listed(
        f"      - name: api\n        encrypted: |-  # by ana\n{BLOCK}\n\n    # end\n"
    ),
    "a folded block": _listed(f"      - encrypted: >-\n{BLOCK.replace(chr(10), chr(10) * 2)}        name: api\n"),
    "an indented block": _listed(f"      - name: api\n        encrypted: |2\n{BLOCK}  release: {{id: r1}}\n"),
    "quotes": _listed(f"      - name: api\n        encrypted: {json.dumps(ARMOR)}\n"),
    "quotes and a comment": _listed(f"      - name: api\n        encrypted: {json.dumps(ARMOR)}  # by ana\n"),
    "braces": _listed(f"      - {{name: api, encrypted: {json.dumps(ARMOR)}, mode: '0400'}}  # by ana\n"),
    "brackets": HEAD + f"  config: {{secrets: [{{name: api, encrypted: {json.dumps(ARMOR)}}}]}}\n",
    "nothing": _listed("      - name: api\n        encrypted:\n        mode: '0400'\n"),
    "a placeholder": _listed("      - name: api\n        encrypted: TODO\n"),
    "the end of the file": _listed(f"      - name: api\n        encrypted: |\n{BLOCK.rstrip()}"),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_ciphertext_is_replaced_in_whatever_style_it_is_written(style: str, newline: str) -> None:
    text = "\ufeff" + STYLES[style].replace("\n", newline)
    new = sealed("new")
    after = with_secret(text, "f", document="web", name="api", sealed=new)
    assert [opened(item.text) for item in find_sealed(after, "f")] == ["new"]
    for word in ("# ours", "# by ana", "# end", "mode: '0400'", "{id: r1}", "\ufeff"):
        assert (word in after) == (word in text)
    assert after.count("\n") == after.count(newline)
    again = with_ciphertexts(after, "f", {("web", "api"): new})
    assert find_sealed(again, "f")[0].text.split() == new.split()


@pytest.mark.parametrize("style", [*STYLES, "an empty list", "no list"])
def test_a_secret_is_added_behind_those_that_are_there(style: str) -> None:
    others = {"an empty list": HEAD + "  config: {secrets: []}\n", "no list": HEAD}
    text = STYLES.get(style) or others[style]
    after = with_secret(text, "f", document="web", name="two", sealed=sealed("two"))
    found = find_sealed(after, "f")
    assert (found[-1].id, opened(found[-1].text)) == (("web", "two"), "two")
    assert len(found) == (2 if style in STYLES else 1)


def test_a_list_in_a_strange_style_is_left_alone() -> None:
    text = _listed("      -\n        name: api\n        encrypted: x\n")
    with pytest.raises(InputError, match="by hand"):
        with_secret(text, "f", document="web", name="two", sealed=sealed())


def test_two_secrets_of_one_name_are_not_given_one_value() -> None:
    web = with_secret(f"{HEAD}{CONFIG}", "f", document="web", name="api", sealed=sealed("one"))
    again = with_secret(f"{HEAD}{CONFIG}", "f", document="web", name="api", sealed=sealed("two"))
    with pytest.raises(InputError, match="web has more than one secret api"):
        with_ciphertexts(f"{web}---\n{again}", "f", {("web", "api"): sealed("two")})


def test_items_that_are_no_secrets_are_passed_over() -> None:
    text = _listed("      - name: api\n      - encrypted: x\n      - {name: 7, encrypted: x}\n")
    assert find_sealed(text, "f") == ()
    with pytest.raises(InvalidDocuments):
        find_sealed("a: [", "f")
