from __future__ import annotations

import difflib
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.errors import InputError, UnknownDocument
from reconciler.spec.edit import rendered, set_values
from reconciler.spec.yaml_tree import read_trees
from tests.spec.texts import DIGEST, HEX, text

OTHER = "sha256:" + "a" * 64
COMMENTED = f"""\
# The shop. (c) é😀
apiVersion: stella/v1
kind: Container
metadata:   {{name: web}}   # us

spec:
    release:          # deep indent
        id: "rel-1"   # quoted
        name: 'Web 1'
    image: registry.example.com/shop/web
    digest: {DIGEST}  # tag: v1
    config: {{user: "1",   init: true}}
    # trailing words

---
apiVersion: stella/v1
kind: Container
metadata: {{name: api}}
spec: {{release: {{id: rel-1}}, image: shop/api, digest: {DIGEST}}}
# the end
"""


def changed(before: str, after: str) -> list[str]:
    """Lines that went, then lines that came."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = [line for line in difflib.unified_diff(old, new, n=0) if line[:3] not in {"---", "+++"}]
    return [f"{sign} {line[1:]}".rstrip("\r\n") for sign in "-+" for line in lines if line[0] == sign]


def test_only_the_values_change_and_quotes_and_comments_stay() -> None:
    after = set_values(
        COMMENTED,
        "web",
        {("spec", "digest"): OTHER, ("spec", "release", "id"): "rel-2", ("spec", "release", "name"): "It's 2"},
    )
    assert changed(COMMENTED, after) == [
        '-         id: "rel-1"   # quoted',
        "-         name: 'Web 1'",
        f"-     digest: {DIGEST}  # tag: v1",
        '+         id: "rel-2"   # quoted',
        "+         name: 'It''s 2'",
        f"+     digest: {OTHER}  # tag: v1",
    ]


def test_the_right_document_of_several_is_changed() -> None:
    after = set_values(COMMENTED, "api", {("spec", "digest"): OTHER})
    assert changed(COMMENTED, after) == [
        f"- spec: {{release: {{id: rel-1}}, image: shop/api, digest: {DIGEST}}}",
        f"+ spec: {{release: {{id: rel-1}}, image: shop/api, digest: {OTHER}}}",
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_mark_stay(newline: str, mark: str) -> None:
    before = mark + COMMENTED.replace("\n", newline)
    after = set_values(before, "web", {("spec", "digest"): OTHER, ("spec", "adopt"): True})
    expected = set_values(COMMENTED, "web", {("spec", "digest"): OTHER, ("spec", "adopt"): True})
    assert after == mark + expected.replace("\n", newline)


def test_a_missing_key_is_added_behind_the_last_one_in_the_mapping_s_own_style() -> None:
    after = set_values(
        COMMENTED,
        "web",
        {
            ("spec", "suspend"): {"by": "ana", "reason": "incident 42: disk", "until": "2026-12-01T00:00:00Z"},
            ("spec", "config", "hostname"): "web",
            ("metadata", "target"): "host-a",
        },
    )
    assert changed(COMMENTED, after) == [
        "- metadata:   {name: web}   # us",
        '-     config: {user: "1",   init: true}',
        "+ metadata:   {name: web, target: host-a}   # us",
        '+     config: {user: "1",   init: true, hostname: web}',
        '+     suspend: {by: ana, reason: "incident 42: disk", until: "2026-12-01T00:00:00Z"}',
    ]


def test_mappings_above_a_missing_key_are_added_too() -> None:
    after = set_values(text(), "web", {("spec", "config", "healthCheck", "timeout"): "5s"})
    assert changed(text(), after) == ["+   config:", "+     healthCheck: {timeout: 5s}"]


def test_a_file_without_a_last_line_end_gets_none() -> None:
    before = text().rstrip("\n")
    after = set_values(before, "web", {("spec", "adopt"): True})
    assert after == before + "\n  adopt: true"
    assert set_values(after, "web", {("spec", "adopt"): None}).rstrip("\n") == before


def test_a_key_is_taken_out_with_its_lines() -> None:
    before = text(config="environment:\n  A: '1'\n  # of B\n  B: '2'\n# below\nuser: '1'", spec="adopt: true")
    assert changed(before, set_values(before, "web", {("spec", "config", "environment"): None})) == [
        "-     environment:",
        "-       A: '1'",
        "-       # of B",
        "-       B: '2'",
    ]
    assert changed(before, set_values(before, "web", {("spec", "adopt"): None})) == ["-   adopt: true"]
    assert set_values(before, "web", {("spec", "drift"): None}) == before


def test_taking_a_key_out_of_braces_writes_the_braces_anew() -> None:
    after = set_values(COMMENTED, "web", {("spec", "config", "user"): None})
    assert changed(COMMENTED, after) == [
        '-     config: {user: "1",   init: true}',
        "+     config: {init: true}",
    ]


def test_a_whole_mapping_is_set_by_touching_what_differs_in_it() -> None:
    before = text(config="environment:\n  A: '1' # one\n  B: '2'\nports:\n  - '80:80'\nuser: '1'")
    config = {
        "environment": {"A": "1", "C": "3"},
        "ports": ["81:81"],
        "user": "1",
        "logging": {"options": {"a": "b"}},
    }
    assert changed(before, set_values(before, "web", {("spec", "config"): config})) == [
        "-       B: '2'",
        "-     ports:",
        "-       - '80:80'",
        '+       C: "3"',
        '+     ports: ["81:81"]',
        "+     logging:",
        "+       options: {a: b}",
    ]


def test_a_mapping_with_nothing_in_common_is_written_anew() -> None:
    before = text(config="user: '1' # me")
    big: dict[str, Any] = {
        "environment": {"A": "1"},
        "init": True,
        "command": ["a"],
        "healthCheck": {"retries": 3},
    }
    after = set_values(before, "web", {("spec", "config"): big})
    assert changed(before, after) == [
        "-     user: '1' # me",
        '+     environment: {A: "1"}',
        "+     init: true",
        "+     command: [a]",
        "+     healthCheck: {retries: 3} # me",
    ]
    assert set_values(before, "web", {("spec", "config"): {}}).endswith("config: {} # me\n")


def test_an_empty_value_is_filled_and_a_block_text_replaced() -> None:
    before = text(config="hostname:\nuser: |\n  1000\n\nworkingDir: /srv")
    after = set_values(before, "web", {("spec", "config", "hostname"): "web", ("spec", "config", "user"): "1"})
    assert changed(before, after) == [
        "-     hostname:",
        "-     user: |",
        "-       1000",
        "+     hostname: web",
        '+     user: "1"',
    ]


@pytest.mark.parametrize(
    ("content", "values", "words"),
    [
        ("a: [", {("a",): "b"}, "cannot be edited while it is wrong"),
        (text(), {("spec", "digest", "x"): "y"}, "spec.digest is not a mapping"),
        ("? metadata\n: {name: web}\n? spec\n: {a: 1}\n", {("spec",): {"b": 2}}, "spec cannot be changed without"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused(
    content: str, values: dict[tuple[str, ...], Any], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        set_values(content, "web", values)
    assert words in str(caught.value)


def test_a_document_that_is_not_in_the_file_is_unknown() -> None:
    with pytest.raises(UnknownDocument, match='no document called "db"'):
        set_values(COMMENTED, "db", {("spec", "digest"): OTHER})


def test_texts_are_plain_only_where_no_reader_errs() -> None:
    plain = ["rel-1", "shop/web", DIGEST, "Web 1.4.2", "a:b", "/srv"]
    assert [rendered(value) for value in plain] == plain
    for value in [
        "no",
        "Yes",
        "1.10",
        "22:22",
        "0x1f",
        "2026-12-01",
        "",
        " a",
        "a ",
        "a: b",
        "a #b",
        "a,b",
        "null",
        "1",
    ]:
        assert rendered(value) == f'"{value}"'
    assert rendered("\x85\u2028") == '"\\u0085\\u2028"'
    assert rendered({"a": [1, True, None]}) == "{a: [1, true, null]}"


TEXTS = st.text(alphabet="ab1 .:#,{}[]'\"\\-é😀\n\t\x85\u2028", max_size=12)


@given(TEXTS, st.sampled_from(['"', "'", ""]), st.sampled_from(["a b", "1.0", "x"]))
def test_any_text_can_be_set_whatever_the_quotes_were_and_touches_one_line(
    value: str, quote: str, old: str
) -> None:
    before = COMMENTED.replace('"rel-1"', f"{quote}{old}{quote}")
    after = set_values(before, "web", {("spec", "release", "id"): value})
    assert read_trees(after.encode(), "f")[0][0].root.value["spec"]["release"]["id"] == value
    touched = changed(before, after)
    assert len(touched) in {0, 2}
    assert all(" id: " in line and line.endswith("# quoted") for line in touched)


def test_keys_added_to_a_mapping_and_to_the_one_around_it_stay_where_they_belong() -> None:
    before = "kind: Container\nmetadata: {name: web}\nspec:\n  config:\n    bb:\n      aa: []\n"
    result = set_values(before, "web", {("spec", "config"): {"aa": {}, "bb": {"aa": "", "bb": ""}}})
    assert yaml.safe_load(result)["spec"]["config"] == {"aa": {}, "bb": {"aa": "", "bb": ""}}


NAMES = st.sampled_from(["aa", "bb", "cc", "dd"])
SCALARS = TEXTS | st.integers(0, 99) | st.booleans()
CONFIGS = st.recursive(
    st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=2), max_size=3),
    lambda inner: st.dictionaries(NAMES, inner | SCALARS, max_size=3),
    max_leaves=8,
)


@given(CONFIGS, CONFIGS)
def test_any_mapping_can_be_made_of_any_other_without_touching_the_rest(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assume(before != after)
    content = set_values(COMMENTED, "web", {("spec", "config"): before})
    result = set_values(content, "web", {("spec", "config"): after})
    trees, problems = read_trees(result.encode(), "f")
    assert problems == ()
    assert trees[0].root.value["spec"]["config"] == after
    head, tail = COMMENTED.split('    config: {user: "1",   init: true}\n')
    assert result.startswith(head)
    assert result.endswith(tail)
    assert HEX in result


ENTRIES = st.lists(
    st.dictionaries(NAMES, SCALARS | st.just("a" * 70), min_size=1, max_size=3) | SCALARS, min_size=1, max_size=3
)


@given(ENTRIES, ENTRIES)
def test_a_list_of_mappings_is_set_and_set_again(before: list[Any], after: list[Any]) -> None:
    content = set_values(COMMENTED, "web", {("spec", "config", "entries"): before})
    result = set_values(content, "web", {("spec", "config", "entries"): after})
    trees, _ = read_trees(result.encode(), "f")
    assert trees[0].root.value["spec"]["config"]["entries"] == after
    plain = set_values(result, "web", {("spec", "config"): {"entries": after, "a": "1"}})
    assert read_trees(plain.encode(), "f")[0][0].root.value["spec"]["config"] == {"entries": after, "a": "1"}


def test_wide_mappings_have_lines_of_their_own() -> None:
    content = "metadata: {name: web}\nspec:\n  a: 1\n"
    entries = [{"name": "x", "sha256": "b" * 64, "size": 12}, {"name": "y"}]
    assert set_values(content, "web", {("spec", "files"): entries}) == (
        f"{content}  files:\n    - name: x\n      sha256: {'b' * 64}\n      size: 12\n    - {{name: y}}\n"
    )
