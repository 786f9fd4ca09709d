from __future__ import annotations

import itertools
import subprocess
import sys
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.spec.problem import Problem
from reconciler.spec.yaml_tree import MAX_BYTES, MAX_PROBLEMS, Tree, read_trees

DEPTHS = {
    "flow-list": "'[' * n",
    "flow-mapping": "'{a: ' * n",
    "closed-flow-list": "'[' * n + ']' * n",
    "block-list": "'- ' * n",
    "block-list-on-lines": "'\\n'.join(' ' * i + '-' for i in range(1400))",
    "block-mapping-on-lines": "'\\n'.join(' ' * i + 'a:' for i in range(1400))",
    "complex-keys": "'? ' * n",
    "explicit-keys-in-flow": "'[? ' * n",
    "mixed": "'[{a: ' * n",
}


def only(text: str | bytes) -> Any:
    trees, problems = read_trees(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    assert problems == ()
    (tree,) = trees
    return tree.root.value


def wrong(text: str | bytes) -> list[str]:
    _, problems = read_trees(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    return [str(problem) for problem in problems]


def tree_of(text: str) -> Tree:
    (tree,) = read_trees(text.encode(), "f.yaml")[0]
    return tree


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-17", -17),
        ("999999999999999999", 10**18 - 1),
        ("9999999999999999999", "9999999999999999999"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("22:22", "22:22"),
        ("2222:22", "2222:22"),
        ("010", "010"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        (".5", ".5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("+1", "+1"),
        ("1.10", "1.10"),
        ("-0.5", "-0.5"),
        ("2026-12-01", "2026-12-01"),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("=", "="),
        ("|\n  1\n", "1\n"),
    ],
)
def test_scalars_are_what_is_written_except_null_booleans_and_whole_numbers(written: str, meant: Any) -> None:
    value = only(f"a: {written}")["a"]
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(
    ("written", "is_fraction"),
    [("1.10", True), ("-0.5", True), ("1.", False), ("1", False), ("'1.5'", False), ("1.2.3", False)],
)
def test_plain_decimal_fractions_are_marked(written: str, is_fraction: bool) -> None:
    found = [path for path, _ in tree_of(f"- x\n- {{b: {written}}}").fractions()]
    assert found == ([(1, "b")] if is_fraction else [])


def test_keys_are_texts_as_written() -> None:
    assert only("1: a\ntrue: b\nnull: c\n010: d\n? e\n: f") == {
        "1": "a",
        "true": "b",
        "null": "c",
        "010": "d",
        "e": "f",
    }


def test_a_file_may_hold_several_documents_and_empty_ones_do_not_count() -> None:
    trees, problems = read_trees(b"# c\n---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n", "f")
    assert [tree.root.value for tree in trees] == [{"a": 1}, {"b": 2}]
    assert problems == ()


def test_a_file_of_comments_has_no_documents_and_is_right() -> None:
    assert read_trees(b"# all gone\n", "f") == ((), ())


def test_a_byte_order_mark_is_skipped_and_moves_no_column() -> None:
    assert only(b"\xef\xbb\xbfa: 1") == {"a": 1}
    assert wrong(b"\xef\xbb\xbfa: !x 1") == [
        'f.yaml:1:4: a: tags are not allowed ("!x"); quote the value if it is a text'
    ]


def test_columns_count_characters_and_lines_count_every_kind_of_break() -> None:
    assert wrong("é😀: {a: &x 1}")[0].startswith("f.yaml:1:9: ")
    for newline in ("\n", "\r\n", "\r"):
        assert wrong(f"a: 1{newline}b: &x 2")[0].startswith("f.yaml:2:4: ")


def test_places_lead_to_values_keys_and_as_far_as_there_is_something() -> None:
    tree = tree_of("a:\n  - b: 1\n  - c: {d: 2}\n")
    assert tree.place(("a", 1, "c", "d"))[:2] == (3, 12)
    assert tree.place(("a", 1, "c", "d"), key=True)[:2] == (3, 9)
    assert tree.place(("a", 1, "c", "x"), key=True)[:2] == (3, 5)
    assert tree.place(("a", 7))[:2] == (2, 3)
    assert tree.place(("a", "x"))[:2] == (2, 3)
    assert tree.place(("a", 0, 0))[:2] == (2, 5)
    assert tree.place(("a", 0, "b", "deeper"))[:2] == (2, 8)
    assert tree.place(()).text == "a:"


def test_source_lines_that_may_hold_secrets_are_not_kept() -> None:
    tree = tree_of("environment:\n  PASSWORD: hunter2\n")
    assert tree.place(("environment", "PASSWORD")).text == ""
    trees, problems = read_trees(b"environment:\n  PASSWORD: &x hunter2\n", "f")
    assert problems[0].text == ""
    assert not trees[0].sound


@pytest.mark.parametrize("written", ["*hunter2", "&hunter2 x", "!hunter2 x", "[*hunter2]", "{!<hunter2> a: b}"])
@pytest.mark.parametrize("above", ["environment: {A: %s}", "labels: {DB_PASSWORD: %s}", "environment: {%s : x}"])
def test_a_secret_that_reads_as_yaml_of_its_own_is_not_quoted(above: str, written: str) -> None:
    _, problems = read_trees((above % written).encode(), "f")
    assert problems
    assert all("not allowed" in problem.message or "a key must" in problem.message for problem in problems)
    assert "hunter2" not in "".join(f"{problem}{problem.text}" for problem in problems)


def test_problems_of_one_document_leave_the_others_sound() -> None:
    trees, problems = read_trees(b"a: &x 1\n---\nb: 2\n", "f")
    assert [tree.sound for tree in trees] == [False, True]
    assert len(problems) == 1


def test_no_more_problems_are_told_than_a_person_can_read() -> None:
    _, problems = read_trees(b"a: [" + b"&x 1, " * 100 + b"]", "f")
    assert len(problems) == MAX_PROBLEMS


def test_files_over_the_limit_are_refused_unread() -> None:
    assert only(b"# " + b"x" * (MAX_BYTES - 7) + b"\na: 1") == {"a": 1}
    assert wrong(b"x" * (MAX_BYTES + 1)) == ["f.yaml:1:1: the file is larger than 1024 KiB"]


def test_an_alias_bomb_is_refused_in_no_time() -> None:
    letters = "abcdefghij"
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in itertools.pairwise(letters)
    )
    began = time.process_time()
    assert wrong(bomb)
    assert time.process_time() - began < 0.1


def test_directives_for_tags_are_refused() -> None:
    assert wrong("%TAG ! tag:x,2000:\n---\na: 1") == ["f.yaml:1:1: %TAG is not allowed"]
    assert only("%YAML 1.2\n---\na: 1") == {"a": 1}


def test_unknown_complaints_of_the_library_are_passed_on() -> None:
    assert wrong("%YAML 3.0\n---\na: 1") == [
        "f.yaml:1:1: cannot be read as YAML: found incompatible YAML document"
    ]


@pytest.mark.parametrize("shape", DEPTHS)
def test_nesting_of_any_depth_and_style_is_refused_without_harm(shape: str) -> None:
    """In a process of its own: libyaml's composer dies of what is refused here."""
    program = (
        "import sys; from reconciler.spec.yaml_tree import read_trees; n = 100_000\n"
        f"trees, problems = read_trees(({DEPTHS[shape]}).encode(), 'f')\n"
        "print(len(trees), len(problems), problems[0].message)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "0 1 nested deeper than 20 levels\n"), done.stderr


def test_twenty_levels_are_enough_for_anybody_and_allowed() -> None:
    assert only("[" * 20 + "]" * 20)
    assert wrong("[" * 21 + "]" * 21)


@given(st.binary(max_size=300))
def test_no_bytes_can_break_the_reader(content: bytes) -> None:
    trees, problems = read_trees(content, "f")
    assert all(isinstance(problem, Problem) for problem in problems)
    assert all(tree.lines for tree in trees)


YAML_LIKE = st.text(alphabet=st.sampled_from(list("ab:-?[]{},&*!|>'\"%@`# \n\t~<1.é\u2028\x85\x00")), max_size=60)


@given(YAML_LIKE)
def test_no_text_can_break_the_reader(text: str) -> None:
    trees, problems = read_trees(text.encode(), "f")
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert str(problem)
    for tree in trees:
        assert tree.place(("a", 0, "b"))


PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**17), 10**17), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=15,
)


@given(PLAIN)
def test_what_a_yaml_writer_quotes_is_read_back(value: Any) -> None:
    class Quoting(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    Quoting.add_representer(
        str, lambda dumper, item: dumper.represent_scalar("tag:yaml.org,2002:str", item, style='"')
    )
    written = yaml.dump({"a": value}, Dumper=Quoting, allow_unicode=False)
    assert only(written) == {"a": value}
