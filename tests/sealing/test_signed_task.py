"""A signed task is what was signed, whole, for this agent; anything else is refused."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from reconciler import strict_json
from reconciler.core.secret import Secret
from reconciler.errors import InputError, StateDamaged, TaskRefused
from reconciler.sealing.release_keys import ReleaseKey, TrustedReleaseKeys, new_release_key, release_key
from reconciler.sealing.signed_task import LIMIT, sign_task, verify_task, verify_text
from reconciler.tls.certificates import key_as_pem, new_key


def release_key_of(seed: bytes) -> ReleaseKey:
    key = Ed25519PrivateKey.from_private_bytes(seed * 32)
    return ReleaseKey(Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())))


KEY, OTHER = release_key_of(b"a"), release_key_of(b"b")
TRUSTED = TrustedReleaseKeys([KEY.public])
TASK: dict[str, Any] = {
    "id": "t-1",
    "type": "deploy",
    "targetId": "host-a",
    "payload": {"containerName": "web", "ports": [8080, 8443], "cleanupPrevious": True, "note": 'é "\n\U0001f600'},
    "credentials": None,
    "timeout": 600,
    "expiresAt": "2026-11-29T12:00:00Z",
}
SIGNED = sign_task(TASK, KEY)
ENVELOPE = json.loads(SIGNED)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.characters(codec="utf-8"), max_size=5)


def test_an_agent_gets_the_task_that_was_signed() -> None:
    assert verify_text(SIGNED, TRUSTED, target="host-a") == TASK
    assert verify_task(ENVELOPE, TRUSTED, target="host-a") == TASK


@pytest.mark.fault("N9")
@given(st.integers(0, len(SIGNED) - 1), st.binary(max_size=2))
def test_with_any_byte_altered_it_is_refused(place: int, bytes_: bytes) -> None:
    """Put in place of one, put in between, left out, cut off."""
    altered = {
        SIGNED[:place] + bytes_ + SIGNED[place + 1 :],
        SIGNED[:place] + bytes_ + SIGNED[place:],
        SIGNED[:place],
        SIGNED[:place] + bytes([SIGNED[place] ^ 1]) + SIGNED[place + 1 :],
    } - {SIGNED}
    for text in altered:
        with pytest.raises(TaskRefused):
            verify_text(text, TRUSTED, target="host-a")


@pytest.mark.fault("N9")
@pytest.mark.parametrize("change", [b" %s", b"%s\n", b"\xef\xbb\xbf%s"])
def test_another_way_of_writing_it_is_refused(change: bytes) -> None:
    for text in (change % SIGNED, json.dumps(ENVELOPE).encode()):
        with pytest.raises(TaskRefused, match="is not"):
            verify_text(text, TRUSTED, target="host-a")


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in it."""
    if way:
        yield way
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*way, key))


@pytest.mark.fault("N9")
@given(st.sampled_from(list(places(ENVELOPE))), SCALARS, st.text(max_size=5))
def test_with_any_field_altered_removed_or_added_it_is_refused(
    way: tuple[Any, ...], value: Any, name: str
) -> None:
    for altered in (changed(way, value), changed(way), changed((*way[:-1], f"{name}x"), value)):
        if written(altered) != written(ENVELOPE):
            with pytest.raises(TaskRefused):
                verify_task(altered, TRUSTED, target="host-a")


def changed(way: tuple[Any, ...], *value: Any) -> dict[str, Any]:
    """The signed task with something else at this place, or without it."""
    altered: Any = copy.deepcopy(ENVELOPE)
    holder = altered
    for key in way[:-1]:
        holder = holder[key]
    if isinstance(holder, list) and not isinstance(way[-1], int):
        holder.extend(value)
    elif value:
        holder[way[-1]] = value[0]
    else:
        del holder[way[-1]]
    return dict(altered)


def written(value: Any) -> str:
    """In JSON true is not 1."""
    return json.dumps(value, sort_keys=True)


def resigned(
    task: Any, *, by: ReleaseKey = KEY, context: bytes = b"stella task 1\n", **more: Any
) -> dict[str, Any]:
    signature = base64.b64encode(by.sign(context + strict_json.canonical(task))).decode()
    return {"keyId": by.id, "signature": signature, "task": task, **more}


def test_what_is_signed_for_something_else_or_by_somebody_else_is_refused() -> None:
    assert verify_task(resigned(TASK), TRUSTED, target="host-a")
    for told, value in {
        "which is not trusted here": resigned(TASK, by=OTHER),
        "changed after it was signed": {**resigned(TASK, by=OTHER), "keyId": KEY.id},
        "or its signature is another's": resigned(TASK, context=b""),
        "this is host-a": resigned({**TASK, "targetId": "host-b"}),
        "is for 'None'": resigned({"id": "t-1"}),
        "is not a signed one": resigned(TASK, more=1),
        "not trusted": {**resigned(TASK), "keyId": [KEY.id]},
    }.items():
        with pytest.raises(TaskRefused, match=told):
            verify_task(value, TRUSTED, target="host-a")
    with pytest.raises(TaskRefused, match="is not a signed one"):
        verify_task({**resigned(TASK), "task": "deploy"}, TRUSTED, target="host-a")
    with pytest.raises(TaskRefused, match="trusted: none"):
        verify_text(SIGNED, TrustedReleaseKeys([]), target="host-a")
    assert not TRUSTED.signed(OTHER.id, b"", b"")


@pytest.mark.parametrize("signature", ["", "!", "YQ==", None, 7, "é", ENVELOPE["signature"] + "="])
def test_a_signature_is_64_bytes_in_one_form(signature: Any) -> None:
    with pytest.raises(TaskRefused, match="is not 64 bytes in base64"):
        verify_task({**ENVELOPE, "signature": signature}, TRUSTED, target="host-a")


def test_a_signature_has_no_second_form_with_the_same_bytes() -> None:
    """The last letter of base64 has bits to spare."""
    text = ENVELOPE["signature"]
    odd = text[:-3] + chr(ord(text[-3]) + 1) + text[-2:]
    assert base64.b64decode(odd) == base64.b64decode(text)
    with pytest.raises(TaskRefused, match="is not 64 bytes in base64"):
        verify_task({**ENVELOPE, "signature": odd}, TRUSTED, target="host-a")


@pytest.mark.parametrize("value", [1.5, float("nan"), 2**60, b"x"])
def test_what_has_no_canonical_form_is_neither_signed_nor_taken(value: Any) -> None:
    task = {**TASK, "timeout": value}
    with pytest.raises(ValueError, match="holds"):
        sign_task(task, KEY)
    with pytest.raises(TaskRefused, match="the task holds"):
        verify_task({**ENVELOPE, "task": task}, TRUSTED, target="host-a")


@pytest.mark.parametrize("text", [b'{"a":NaN}', b'{"a":1,"a":2}', b'{"a":1.0}', b"[]", b"", b"x" * (LIMIT + 1)])
def test_a_text_that_readers_take_differently_is_refused(text: bytes) -> None:
    with pytest.raises(TaskRefused):
        verify_text(text, TRUSTED, target="host-a")


def test_a_task_that_is_too_large_is_not_signed() -> None:
    with pytest.raises(ValueError, match="has at most"):
        sign_task({"note": "x" * LIMIT}, KEY)


def test_two_keys_are_trusted_while_one_takes_the_place_of_the_other() -> None:
    both = TrustedReleaseKeys([KEY.public, OTHER.public])
    assert both.ids == tuple(sorted([KEY.id, OTHER.id]))
    for key in (KEY, OTHER):
        assert verify_text(sign_task(TASK, key), both, target="host-a") == TASK


def test_a_release_key_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "release.key"
    with pytest.raises(StateDamaged, match="is not there"):
        release_key(path)
    made = release_key(path, make=True)
    assert release_key(path, make=True) == release_key(path) == made
    assert "PRIVATE" not in repr(made)
    path.chmod(0o640)
    with pytest.raises(StateDamaged, match="others than its owner can read"):
        release_key(path)
    path.chmod(0o600)
    for content, told in ((b"hello", "is no key"), (key_as_pem(new_key()).reveal(), "another kind than Ed25519")):
        path.write_bytes(content)
        with pytest.raises(StateDamaged, match=told):
            release_key(path)


def test_only_public_ed25519_keys_are_trusted() -> None:
    other = new_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for text, told in (
        (KEY.pem.reveal(), "a private key was given"),
        (b"hello", "no public key in PEM form"),
        (other, "of another kind"),
    ):
        with pytest.raises(InputError, match=told):
            TrustedReleaseKeys([text])


def test_a_key_is_named_by_what_it_is() -> None:
    assert release_key_of(b"a").id == KEY.id
    assert len({KEY.id, OTHER.id, new_release_key().id, new_release_key().id}) == 4
