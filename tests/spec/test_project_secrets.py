"""Secrets that the lock file calls external, and the document that gives them."""

from __future__ import annotations

import json

import pytest

from reconciler.core.project import MountedFile
from reconciler.spec.build_deliveries import EXAMPLE
from tests.spec.locks import lock, shop, the_project, told

EXTERNAL = "secrets: {db: {external: true}}\n"
MOUNTED = "secrets: [db]"


def secrets(*names: str, more: str = "", sealed: str = EXAMPLE) -> str:
    """``config.secrets`` of a document."""
    items = (f"{{name: {name}, encrypted: {json.dumps(sealed)}{more}}}" for name in names)
    return f"secrets: [{', '.join(items)}]"


def test_the_document_gives_the_secrets_that_the_lock_file_calls_external() -> None:
    desired = shop(lock("secrets: [db, {source: db, target: other}]", rest=EXTERNAL), config=secrets("db"))
    (item,) = desired.deliveries
    assert (item.name, item.target, item.mode, item.secret) == ("db", "", 0o444, True)
    assert the_project(desired).secrets == ("db",)
    assert the_project(desired).services[0].files == (
        MountedFile(artifact="", target="/run/secrets/db", kind="secret", key="db"),
        MountedFile(artifact="", target="/run/secrets/other", kind="secret", key="db"),
    )
    assert not the_project(desired).services[0].config.mounts


def test_another_ciphertext_is_another_revision() -> None:
    text = lock(MOUNTED, rest=EXTERNAL)
    longer = EXAMPLE.replace("\n-----END", "\nAAAA\n-----END").replace("Cg==", "CgAA")
    assert shop(text, config=secrets("db")) == shop(text, config=secrets("db"))
    other = shop(text, config=secrets("db", sealed=longer))
    assert other.fingerprint != shop(text, config=secrets("db")).fingerprint


@pytest.mark.parametrize(
    ("rest", "config", "said"),
    [
        (EXTERNAL, "", "secrets.db: is external, so the document has to give it: spec.config.secrets has no db"),
        (EXTERNAL, secrets("db", "bd"), 'secrets[1].name: the lock file has no secret "bd" with external: true'),
        ("secrets: {db: {file: /x, external: true}}\n", secrets("db"), "has either a file, or external: true"),
        ("secrets: {db: {}}\n", secrets("db"), "has either a file, or external: true"),
        (EXTERNAL, secrets("db", more=", envName: DB"), "is of a Container: a project's secrets are files"),
        (EXTERNAL, secrets("db", more=", mountPath: /db"), "is said in the Compose file, by the services"),
    ],
)
def test_what_does_not_fit_is_told_where_it_is(rest: str, config: str, said: str) -> None:
    assert said in "\n".join(told(MOUNTED, rest=rest, config=config))


def test_a_secret_cannot_be_where_something_else_is() -> None:
    keys = "volumes: [/data:/run/secrets/db]\nsecrets: [db]"
    assert "the path /run/secrets/db is given twice" in "\n".join(told(keys, rest=EXTERNAL, config=secrets("db")))
