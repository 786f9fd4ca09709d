from __future__ import annotations

import pytest

from reconciler.spec.problem import Problem, as_list, choices, dotted, is_error, suggestion, without_value


def test_a_problem_reads_like_a_compiler_message() -> None:
    problem = Problem("web.yaml", 3, 7, "spec.digest", "is missing")
    assert str(problem) == "web.yaml:3:7: spec.digest: is missing"
    assert is_error(problem)


def test_a_problem_without_a_path_leaves_it_out_and_a_warning_says_so() -> None:
    assert str(Problem("a", 1, 1, "", "is empty")) == "a:1:1: is empty"
    warning = Problem("a", 1, 1, "spec", "may surprise", level="warning")
    assert str(warning) == "a:1:1: warning: spec: may surprise"
    assert not is_error(warning)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  ports: 8080:80", "  ports: …"),
        ("  - name: hunter2", "  - name: …"),
        ("config:", "config:"),
        ("  - hunter2", ""),
        ("hunter2", ""),
        ("{password: hunter2", ""),
    ],
)
def test_a_line_whose_value_may_be_secret_is_shown_by_its_key_alone(line: str, shown: str) -> None:
    assert without_value(line) == shown


@pytest.mark.parametrize(
    ("value", "told"),
    [("serve", '; write ["serve"]'), (80, "; write [80]"), ({"a": 1}, ""), ("x" * 80, "")],
)
def test_a_single_value_is_shown_as_the_list_that_is_wanted(value: object, told: str) -> None:
    assert as_list(value) == told


def test_problems_sort_by_file_and_place() -> None:
    unordered = [Problem("b", 1, 1, "", ""), Problem("a", 10, 1, "", ""), Problem("a", 9, 5, "", "")]
    assert [item.where for item in sorted(unordered)] == ["a:9:5", "a:10:1", "b:1:1"]


def test_paths_are_dotted_with_indices_in_brackets() -> None:
    assert dotted(("spec", "config", "ports", 0, "hostPort")) == "spec.config.ports[0].hostPort"
    assert dotted((0, "a")) == "[0].a"


def test_suggestions_see_through_case_and_underscores() -> None:
    assert suggestion("memory_limit", ["memoryLimit", "cpuLimit"]) == "memoryLimit"
    assert suggestion("xyz", ["memoryLimit"]) == ""


def test_what_is_allowed_is_listed_while_it_is_short_or_nothing_is_close() -> None:
    assert choices("healty", ("started", "healthy")) == '; allowed: started, healthy; did you mean "healthy"?'
    assert choices("healty", ("started", "healthy"), limit=1) == '; did you mean "healthy"?'
    assert choices("x", ("started", "healthy"), limit=1) == "; allowed: started, healthy"
