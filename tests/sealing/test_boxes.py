"""Credentials are opened by the one agent, for the one task that they were sealed for, in their time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given
from hypothesis import strategies as st

from reconciler import strict_json
from reconciler.core.secret import Secret
from reconciler.errors import SecretSealed, StateDamaged
from reconciler.sealing.agent_keys import KEPT, AgentKeys
from reconciler.sealing.binding import Binding
from reconciler.sealing.boxes import (
    LIMIT,
    SealedCredentials,
    key_id,
    new_key,
    open_sealed,
    public_of,
    read_sealed,
    seal,
)
from reconciler.sealing.data_keys import DataKeyFile, Keys

CANARY = b"canary-value"
KEY, OTHER = new_key(), new_key()
BINDING = Binding(agent="host-a", task="t-1", generation=7, expires=1_800_000_000)
NOW = BINDING.expires - 60.0
VALUES = {"registry.example.org": Secret(CANARY), "": Secret(b""), "bytes": Secret(bytes(range(256)))}
SEALED = seal(VALUES, BINDING, public_of(KEY))
ALTERED: dict[str, Any] = {"agent": "host-b", "task": "t-2", "generation": 8, "expires": BINDING.expires + 1}


def refused(sealed: SealedCredentials = SEALED, wanted: Binding = BINDING, *, key: Secret = KEY) -> str:
    with pytest.raises(SecretSealed) as caught:
        open_sealed(sealed, wanted, key, now=NOW)
    assert CANARY.decode() not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_the_agent_opens_what_was_sealed_to_it() -> None:
    assert open_sealed(SEALED, BINDING, KEY, now=NOW) == VALUES
    travelled = json.loads(json.dumps(SEALED.value()))
    assert open_sealed(read_sealed(travelled), BINDING, KEY, now=NOW) == VALUES


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.binary()))
def test_every_value_comes_out_as_it_went_in(values: dict[str, bytes]) -> None:
    secrets = {name: Secret(value) for name, value in values.items()}
    assert open_sealed(seal(secrets, BINDING, public_of(KEY)), BINDING, KEY, now=NOW) == secrets


@pytest.mark.fault("X5")
@pytest.mark.parametrize("field", ALTERED)
def test_with_any_bound_field_altered_nothing_opens(field: str) -> None:
    """In what travels, in what the agent expects, and in both at once: then the encryption itself refuses."""
    other = replace(BINDING, **{field: ALTERED[field]})
    assert f"they differ in {field}" in refused(replace(SEALED, binding=other))
    assert f"they differ in {field}" in refused(SEALED, other)
    assert "do not open: they are for another key, or were changed" in refused(
        replace(SEALED, binding=other), other
    )


@pytest.mark.fault("X5")
def test_another_agent_opens_nothing() -> None:
    assert "for another key" in refused(key=OTHER)
    assert "for another key" in refused(key=Secret(b"short"))


@given(st.integers(0, len(SEALED.ciphertext) - 1), st.integers(1, 255))
def test_a_changed_byte_opens_nothing(place: int, by: int) -> None:
    changed = bytearray(SEALED.ciphertext)
    changed[place] ^= by
    refused(replace(SEALED, ciphertext=bytes(changed)))
    refused(replace(SEALED, ciphertext=SEALED.ciphertext[:place]))


def test_what_stands_inside_is_compared_too() -> None:
    """Somebody seals with the right context, and another one inside; or no values at all."""
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    public, own = X25519PublicKey.from_public_bytes(public_of(KEY)), key_id(public_of(KEY))
    whole = {"binding": BINDING.value(), "key": own, "values": {"a": "YQ=="}}
    odd: list[dict[str, Any]] = [
        {**whole, "binding": {**BINDING.value(), "task": "t-2"}},
        {**whole, "binding": {**BINDING.value(), "generation": True}},
        {**whole, "key": key_id(public_of(OTHER))},
        {**whole, "values": {"a": "YR=="}},
        {**whole, "values": {"a": 1}},
        {**whole, "values": ["YQ=="]},
        {"values": {}},
    ]
    for inside, opens in [(whole, True), *((item, False) for item in odd)]:
        ciphertext = suite.encrypt(strict_json.canonical(inside), public, BINDING.info(own))
        sealed = SealedCredentials(BINDING, own, ciphertext)
        if opens:
            assert open_sealed(sealed, BINDING, KEY, now=NOW) == {"a": Secret(b"a")}
        else:
            refused(sealed)


def test_credentials_are_not_opened_after_their_time() -> None:
    with pytest.raises(SecretSealed, match="have expired"):
        open_sealed(SEALED, BINDING, KEY, now=BINDING.expires)


def changed(**fields: Any) -> dict[str, Any]:
    return {**SEALED.value(), **fields}


def test_what_is_no_sealed_record_is_refused() -> None:
    binding = BINDING.value()
    for value in (
        None,
        {},
        changed(version=2),
        changed(more=1),
        changed(key=1),
        changed(ciphertext="!"),
        changed(ciphertext=7),
        changed(ciphertext="é"),
        changed(binding={}),
        changed(binding={**binding, "generation": "7"}),
        changed(binding={**binding, "more": 1}),
    ):
        with pytest.raises(SecretSealed, match="cannot be read"):
            read_sealed(value)


def test_too_much_or_to_no_key_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="have at most"):
        seal({"a": Secret(b"x" * LIMIT)}, BINDING, public_of(KEY))
    with pytest.raises(ValueError, match="32 bytes"):
        seal(VALUES, BINDING, b"short")


def test_what_travels_shows_no_value() -> None:
    assert CANARY not in SEALED.ciphertext
    assert "canary" not in repr(SEALED)
    assert "Y2FuYXJ5" not in json.dumps(SEALED.value())


@pytest.fixture
def data_keys(tmp_path: Path) -> DataKeyFile:
    return DataKeyFile(tmp_path / "data.key")


def test_an_agents_key_is_there_before_anybody_seals_to_it(tmp_path: Path, data_keys: DataKeyFile) -> None:
    path = tmp_path / "sealing.keys"
    public = AgentKeys(path, data_keys.keys()).public()
    again = AgentKeys(path, data_keys.keys())
    assert again.public() == public
    assert again.open(seal(VALUES, BINDING, public), BINDING, now=NOW) == VALUES
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_sealed_to_a_former_key_still_opens_for_a_while(tmp_path: Path, data_keys: DataKeyFile) -> None:
    keys = AgentKeys(tmp_path / "sealing.keys", data_keys.keys())
    sealed = [seal(VALUES, BINDING, keys.public())]
    sealed += [seal(VALUES, BINDING, keys.change()) for _ in range(KEPT)]
    for item in sealed[1:]:
        assert keys.open(item, BINDING, now=NOW) == VALUES
    with pytest.raises(SecretSealed, match="this agent has no such key"):
        keys.open(sealed[0], BINDING, now=NOW)


def test_an_agents_keys_are_encrypted_where_they_lie(tmp_path: Path, data_keys: DataKeyFile) -> None:
    path = tmp_path / "sealing.keys"
    keys = AgentKeys(path, data_keys.keys())
    keys.renew()
    assert not path.exists()
    public, before = keys.public(), path.read_bytes()
    pending = AgentKeys(path, data_keys.begin_rotation())
    pending.renew()
    assert path.read_bytes() != before
    after = path.read_bytes()
    pending.renew()
    assert path.read_bytes() == after
    assert AgentKeys(path, data_keys.end_rotation()).public() == public
    assert b'"keys"' not in after


DAMAGES: dict[str, Callable[[Path], object]] = {
    "changed": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "open to others": lambda path: path.chmod(0o644),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_keys_that_cannot_be_used_are_told(damage: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "sealing.keys"
    keys = AgentKeys(path, Keys(Secret(bytes(32))))
    keys.public()
    damage(path)
    with pytest.raises(StateDamaged, match=r"sealing\.keys|sealing keys are not used"):
        keys.public()
