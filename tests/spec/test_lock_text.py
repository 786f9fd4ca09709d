"""From a resolved model to a lock file: what is kept, renamed, left out, refused; one text for one input."""

from __future__ import annotations

import random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.spec.lock_file import read_lock
from reconciler.spec.lock_text import lock_text
from reconciler.spec.lock_write import Draft, Resolved, completed, draft
from reconciler.spec.lock_write_files import flat_names
from reconciler.spec.lock_write_images import Reference, read_reference
from reconciler.spec.problem import Wrong

DIGEST = "sha256:" + "a" * 64
WEB: dict[str, Any] = {"image": "reg.example.com:5000/shop/web:1.4", "command": None, "entrypoint": None}


def drafted(model: dict[str, Any], written: dict[str, Any] | None = None) -> Draft:
    return draft(Resolved(model=model, written=model if written is None else written, directory="/home/ana/shop"))


def service(**keys: Any) -> dict[str, Any]:
    """What becomes of one service."""
    return dict(drafted({"services": {"web": {**WEB, **keys}}}).model["services"]["web"])


def text(model: dict[str, Any]) -> str:
    found = drafted(model)
    whole = completed(found, dict.fromkeys(found.images, DIGEST), {"compose.yaml": "b" * 64})
    return lock_text(whole, command="reconciler lock compose.yaml")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("redis", ("redis", "latest", "")),
        ("shop/web:1.4", ("shop/web", "1.4", "")),
        ("host:5000/web", ("host:5000/web", "latest", "")),
        (f"host:5000/web:1@{DIGEST}", ("host:5000/web", "1", DIGEST)),
        (f"web@{DIGEST}", ("web", "", DIGEST)),
    ],
)
def test_a_reference_is_taken_apart(written: str, expected: tuple[str, str, str]) -> None:
    assert read_reference(written) == Reference(written, *expected)
    assert read_reference(written).moves == (not expected[2])


@pytest.mark.parametrize("written", ["", ":1", "a b", "web:", "web:a b", "web@sha256:12", "web\nx"])
def test_what_is_no_reference_is_refused(written: str) -> None:
    with pytest.raises(Wrong):
        read_reference(written)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"profiles": ["a"], "pull_policy": "always", "develop": {}, "x-mine": 1}, {}),
        ({"command": [], "entrypoint": ["a"]}, {"command": [], "entrypoint": ["a"]}),
        ({"environment": {"A": "1", "B": None}}, {"environment": {"A": "1"}}),
        ({"labels": {"x-a": "", "b": "c"}}, {"labels": {"x-a": "", "b": "c"}}),
        ({"networks": {"default": None}}, {"networks": {"default": {}}}),
        ({"deploy": {"placement": {}, "replicas": 2}}, {"deploy": {"replicas": 2}}),
        (
            {"devices": ["/dev/a:/dev/b", {"source": "/dev/a", "target": "/dev/b", "permissions": "r"}]},
            {"devices": ["/dev/a:/dev/b", "/dev/a:/dev/b:r"]},
        ),
        (
            {
                "depends_on": {
                    "web": {"condition": "service_started", "required": True},
                    "gone": {"required": False},
                }
            },
            {"depends_on": {"web": {"condition": "service_started"}}},
        ),
        (
            {"volumes": [{"type": "volume", "source": "d", "target": "/d", "volume": {}}]},
            {"volumes": [{"type": "volume", "source": "d", "target": "/d"}]},
        ),
    ],
)
def test_what_says_nothing_is_left_out_of_a_service(keys: dict[str, Any], expected: dict[str, Any]) -> None:
    assert service(**keys) == expected


def test_what_is_left_out_and_matters_is_told() -> None:
    keys = {"build": {"context": "."}, "environment": {"A": None}, "deploy": {"mode": "global"}}
    notes = drafted({"services": {"web": {**WEB, **keys}}}).notes
    assert [note.split()[1] for note in notes] == ["`build`", "deploy.mode", "A"]


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ({}, "there is no service"),
        ({"web": {"build": {"context": "."}}}, "is built here; push its image"),
        ({"web": {"image": "a b"}}, "is not the name of an image"),
    ],
)
def test_what_cannot_be_locked_is_refused(services: dict[str, Any], message: str) -> None:
    (finding,) = drafted({"services": services}).refused
    assert message in finding.message


def test_files_of_the_author_become_artifacts_and_those_of_the_host_stay() -> None:
    def mounts(*sources: str) -> dict[str, Any]:
        binds = [{"type": "bind", "source": item, "target": f"/{place}"} for place, item in enumerate(sources)]
        return {
            "services": {"web": {**WEB, "volumes": binds}},
            "configs": {"app": {"name": "x", "file": sources[0]}},
        }

    here = "/home/ana/shop"
    found = drafted(
        mounts(f"{here}/nginx/a.conf", f"{here}/a.conf", "/home/ana/b.conf", "/etc/c", "/home/ana/d", f"{here}/e"),
        mounts("./nginx/a.conf", "a.conf", "../b.conf", "/etc/c", "~/d", f"{here}/e"),
    )
    sources = [mount["source"] for mount in found.model["services"]["web"]["volumes"]]
    assert sources == ["./nginx-a.conf", "./a.conf", "./b.conf", "/etc/c", "/home/ana/d", "./e"]
    assert found.model["configs"] == {"app": {"file": "./nginx-a.conf"}}
    assert [file.name for file in found.files] == ["a.conf", "b.conf", "e", "nginx-a.conf"]


def test_configs_and_secrets_without_a_file_are_made() -> None:
    model = {
        "services": {"web": WEB},
        "configs": {"motd": {"name": "shop_motd", "content": "5$$ or $$$$"}},
        "secrets": {"key": {"name": "shop_key", "environment": "KEY"}, "x": {"external": True, "name": "y"}},
    }
    found = drafted(model)
    assert [(item.name, item.content, item.variable) for item in found.made] == [
        ("compose.stella.config.motd", "5$ or $$", ""),
        ("compose.stella.secret.key", "", "KEY"),
    ]
    assert found.model["secrets"]["key"] == {"file": "./compose.stella.secret.key"}
    assert found.model["secrets"]["x"] == {"external": True}


def test_names_that_compose_made_up_are_left_out() -> None:
    model = {
        "services": {"web": WEB},
        "networks": {"default": {"name": "shop_default", "ipam": {}}, "out": {"name": "out", "external": True}},
        "volumes": {"data": {"name": "shop_data"}, "own": {"name": "shop_own"}, "none": None},
    }
    written = {"networks": {"out": {"external": True}}, "volumes": {"data": None, "own": {"name": "shop_own"}}}
    found = drafted(model, written).model
    assert found["networks"] == {"default": {}, "out": {"name": "out", "external": True}}
    assert found["volumes"] == {"data": {}, "own": {"name": "shop_own"}, "none": {}}


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/x", "b/x"], ["a-x", "b-x"]),
        (["x", "a/x"], ["x", "a-x"]),
        ([".htpasswd", "ä ö"], ["htpasswd", "file"]),
        (["conf/compose.yaml", ".env"], ["conf-compose.yaml", "env"]),
        (["../x"], ["x"]),
    ],
)
def test_names_are_flat_and_told_apart_by_folders(paths: list[str], names: list[str]) -> None:
    whole = [f"/home/ana/shop/{path}" for path in paths]
    assert list(flat_names(whole, "/home/ana/shop").values()) == names


parts = st.sampled_from(["a", "b", ".env", "x y", "x_y", "compose.yaml", "files"])


@given(st.lists(st.lists(parts, min_size=1, max_size=3).map("/".join), unique=True, max_size=8), st.randoms())
def test_no_two_files_share_a_name_whatever_their_order(paths: list[str], chance: random.Random) -> None:
    whole = [f"/shop/{path}" for path in paths]
    names = flat_names(whole, "/shop")
    assert len(set(names.values())) == len(whole)
    assert flat_names(chance.sample(whole, len(whole)), "/shop") == names


looks = st.from_regex(r"[-+]?[0-9][0-9._oxb]{0,4}([eE][-+]?)?[0-9]{0,20}|0[0-9a-fxob_]{1,6}", fullmatch=True)


@given(st.dictionaries(st.from_regex(r"[A-Z]{1,3}", fullmatch=True), looks, max_size=5), st.lists(looks))
def test_texts_that_look_like_numbers_are_read_as_they_were_written(
    environment: dict[str, str], command: list[str]
) -> None:
    written = text({"services": {"web": {**WEB, "environment": environment, "command": command}}})
    found, problems = read_lock(written.encode(), "lock.yml")
    assert found is not None, problems
    web = found.value["services"]["web"]
    assert (web.get("environment", {}), web.get("command", [])) == (environment, command)


texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\0$", exclude_categories=["Cs", "Cc"]), max_size=20
)
texts = texts | st.sampled_from(
    ["no", "0x10", "1_000", "22:22", "a: b", "- a", "#", "1.10", "", "two\nlines", "~"]
)
models = st.fixed_dictionaries(
    {
        "services": st.dictionaries(
            st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True),
            st.fixed_dictionaries(
                {"image": st.sampled_from(["redis", "a/b:1", f"c:1@{DIGEST}"])},
                optional={
                    "environment": st.dictionaries(
                        st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), texts, max_size=3
                    ),
                    "command": st.lists(texts, max_size=3),
                    "cpus": st.sampled_from([0.5, 1.25]),
                    "labels": st.dictionaries(st.from_regex(r"[a-z.-]{1,5}", fullmatch=True), texts, max_size=3),
                    "ports": st.just([{"target": 80, "published": "8080", "protocol": "tcp"}]),
                },
            ),
            min_size=1,
            max_size=3,
        )
    }
)


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(value[key], chance) for key in chance.sample(list(value), len(value))}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


@given(models, st.randoms())
def test_one_model_gives_one_text_in_whatever_order_it_comes(model: dict[str, Any], chance: random.Random) -> None:
    assert text(shuffled(model, chance)) == text(model)


@given(models)
def test_what_is_written_is_what_every_reader_reads(model: dict[str, Any]) -> None:
    written = text(model)
    lock, problems = read_lock(written.encode(), "lock")
    assert problems == ()
    assert lock is not None
    assert yaml.safe_load(written) == lock.tree.root.value
    for name, wanted in model["services"].items():
        found = lock.value["services"][name]
        assert found["image"].endswith(f"@{DIGEST}")
        assert found["labels"] == {
            **wanted.get("labels", {}),
            "stella.component.id": name,
            "stella.digest": DIGEST,
        }
        assert found.get("environment", {}) == wanted.get("environment", {})
        assert found.get("command") == wanted.get("command")


def test_the_reference_stands_beside_the_digest_where_it_differs() -> None:
    written = text({"services": {"a": {"image": "a:1"}, "b": {"image": f"b@{DIGEST}"}}})
    assert f"    image: a@{DIGEST}  # a:1\n" in written
    assert f"    image: b@{DIGEST}\n" in written


def test_a_path_that_is_written_nowhere_counts_by_where_it_lies() -> None:
    model = {"services": {"web": WEB}, "configs": {"a": {"file": "/home/ana/shop/a"}, "b": {"file": "/etc/b"}}}
    assert drafted(model, {}).model["configs"] == {"a": {"file": "./a"}, "b": {"file": "/etc/b"}}
