"""The identity of a host: when it is trusted, when it is read, what it says when it does not open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.secret import Secret
from reconciler.credentials import age
from reconciler.credentials.identities import LIMIT, Identities
from reconciler.errors import InputError, SecretSealed
from tests.parts.host import program

VALUE = Secret(b"canary-value")
KEY, PUBLIC = age.new_key()
OTHER_KEY, OTHER_PUBLIC = age.new_key()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "identity.txt"


def write(path: Path, *keys: Secret, mode: int = 0o600) -> None:
    path.write_text("".join(f"# a key\n{key.text()}\n\n" for key in keys))
    path.chmod(mode)


def refused(identities: Identities, sealed: str = "") -> str:
    with pytest.raises(SecretSealed) as caught:
        identities.open(sealed or age.seal(VALUE, [PUBLIC]))
    said = str(caught.value)
    assert "canary-value" not in said
    assert KEY.text() not in said
    return said


def test_what_was_encrypted_for_a_key_is_opened_by_it(path: Path) -> None:
    write(path, KEY)
    identities = Identities(path)
    assert identities.open(age.seal(VALUE, [PUBLIC, OTHER_PUBLIC])) == VALUE
    assert identities.recipients() == (PUBLIC,)


@given(st.binary(max_size=200))
def test_every_value_comes_out_as_it_went_in(value: bytes) -> None:
    sealed = age.seal(Secret(value), [PUBLIC])
    assert age.open_sealed(sealed.encode(), age.read_keys(KEY.text())).reveal() == value


@given(st.sampled_from(["", "  ", "\t"]), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", "\n\n "]))
def test_white_space_around_the_lines_does_not_matter(indent: str, newline: str, around: str) -> None:
    lines = age.seal(VALUE, [PUBLIC]).splitlines()
    sealed = around + newline.join(indent + line for line in lines) + around
    assert age.open_sealed(sealed.encode(), age.read_keys(KEY.text())) == VALUE


@given(st.integers(0, 10_000), st.sampled_from("Ab9+-= \n*"))
def test_a_changed_ciphertext_is_never_opened(place: int, letter: str) -> None:
    sealed = age.seal(VALUE, [PUBLIC])
    place %= len(sealed)
    changed = sealed[:place] + letter + sealed[place + 1 :]
    try:
        opened = age.open_sealed(changed.encode(), age.read_keys(KEY.text()))
    except (age.Damaged, age.NotForUs):
        return
    assert opened == VALUE
    assert "".join(changed.split()) == "".join(sealed.split())


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_and_nothing_else_happens(content: bytes) -> None:
    for sealed in (content, b"age-encryption.org/v1\n" + content):
        with pytest.raises((age.Damaged, age.NotForUs)):
            age.open_sealed(sealed, age.read_keys(KEY.text()))


def test_a_missing_file_is_fine_until_something_is_to_be_opened(path: Path) -> None:
    identities = Identities(path)
    before = identities.state()
    said = refused(identities)
    assert f"{path} is not there" in said
    assert f"put its copy back, or make a new one with 'reconciler secret keygen -o {path}'" in said
    assert "another key opens none of the secrets" in said
    write(path, KEY)
    assert identities.state() != before
    assert identities.open(age.seal(VALUE, [PUBLIC])) == VALUE


def test_a_key_that_is_added_counts_without_a_restart(path: Path) -> None:
    write(path, OTHER_KEY)
    identities = Identities(path)
    said = refused(identities)
    assert "is encrypted for others" in said
    assert said.count("(") == 1, "a hint that has brackets of its own cannot be read"
    assert OTHER_PUBLIC in said
    before = identities.state()
    write(path, OTHER_KEY, KEY)
    assert identities.state() != before
    assert identities.open(age.seal(VALUE, [PUBLIC])) == VALUE
    assert identities.open(age.seal(VALUE, [OTHER_PUBLIC])) == VALUE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_can_use_is_not_used_until_that_ends(path: Path, mode: int) -> None:
    write(path, KEY)
    identities = Identities(path)
    assert identities.open(age.seal(VALUE, [PUBLIC])) == VALUE
    path.chmod(mode)
    assert f"chmod 600 {path}" in refused(identities)
    path.chmod(0o400)
    assert identities.open(age.seal(VALUE, [PUBLIC])) == VALUE


def test_a_file_of_another_user_is_not_used(path: Path) -> None:
    write(path, KEY)
    own = path.stat().st_uid
    if own == 0:
        os.chown(path, 12345, 12345)
    identities = Identities(path, uid=lambda: 54321)
    assert "belongs to user" in refused(identities)


def test_a_pipe_or_folder_in_its_place_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "is not a regular file" in refused(Identities(tmp_path / "pipe"))
    assert "Is a directory" in refused(Identities(tmp_path))


def test_a_path_that_cannot_be_followed_is_told(path: Path) -> None:
    path.symlink_to(path)
    assert "cannot be read" in refused(Identities(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no key in it"),
        ("# only a comment\n\n", "has no key in it"),
        ("# key\nAGE-SECRET-KEY-1NOTAKEY\n", "line 2 is no age secret key"),
        ("age1publickey\n", "a public key does not open anything"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "SSH key that cannot"),
        ("x" * (LIMIT + 1), "larger than 64 KiB"),
        ("\udcff", "is no text"),
    ],
)
def test_a_file_that_has_no_usable_key_says_why(path: Path, content: str, words: str) -> None:
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    assert words in refused(Identities(path))


@pytest.mark.parametrize("sealed", ["hunter2", age.BEGIN, f"{age.BEGIN}\nAAAA\n{age.END}\n", "\n"])
def test_what_is_no_age_text_is_told_without_showing_it(path: Path, sealed: str) -> None:
    write(path, KEY)
    said = refused(Identities(path), sealed)
    assert "is no age text" in said
    assert "hunter2" not in said


def test_an_ssh_key_opens_what_was_encrypted_for_it(path: Path) -> None:
    keygen = program("ssh-keygen", package="openssh-client")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    public = Path(f"{path}.pub").read_text().strip()
    identities = Identities(path)
    assert identities.open(age.seal(VALUE, [public])) == VALUE
    assert identities.recipients() == ()
    assert "its public key" in refused(identities)


@pytest.mark.parametrize("recipient", ["", "age1", "ssh-ed25519 nothing", "someone@example.com"])
def test_what_is_no_public_key_is_no_recipient(recipient: str) -> None:
    with pytest.raises(InputError, match="no recipient"):
        age.seal(VALUE, [recipient])


def test_a_secret_key_given_as_a_recipient_is_not_shown() -> None:
    with pytest.raises(InputError, match="secret one") as caught:
        age.seal(VALUE, [KEY.text()])
    assert KEY.text() not in str(caught.value)


def test_help_does_not_load_what_opens_secrets() -> None:
    code = "import sys; from reconciler.cli import secret; from reconciler.credentials import identities, logins"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('pyrage' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
