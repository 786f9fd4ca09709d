from __future__ import annotations

from reconciler.spec.document import read_documents
from reconciler.spec.explain import explain, name_of
from reconciler.spec.schema import DESIRED_STATE, known_keys, schema
from reconciler.spec.yaml_tree import read_trees
from tests.spec.texts import defaults, text


def messages(content: str) -> list[str]:
    return [problem.message for problem in read_documents(content.encode(), "f.yaml")[1]]


def test_documents_know_where_they_begin_and_what_they_are_called() -> None:
    content = "# first\n" + text(meta=", target: host-a") + "---\n" + defaults("adopt: true")
    (web, base), problems = read_documents(content.encode(), "f.yaml")
    assert problems == ()
    assert (web.kind, web.name, web.target, str(web.source)) == ("Container", "web", "host-a", "f.yaml:2")
    assert (base.kind, base.name, base.target, str(base.source)) == ("Defaults", "", None, "f.yaml:10")


def test_a_problem_is_placed_at_the_value_of_its_own_document() -> None:
    content = text() + "---\n" + text("api", config="ports:\n  - '80:80'\n  - '81:81'")
    _, api = read_documents(content.encode(), "f.yaml")[0]
    problem = api.problem(("spec", "config", "ports", 1), "is wrong", level="warning")
    assert (problem.line, problem.column, problem.level, problem.document) == (19, 9, "warning", "api")
    assert problem.text == "      - '81:81'"


def test_a_document_knows_what_it_says_itself() -> None:
    (web,), _ = read_documents(text(config="ports: ['80:80']").encode(), "f.yaml")
    assert web.says(("spec", "config", "ports", 0))
    assert not web.says(("spec", "config", "ports", 1))
    assert not web.says(("spec", "config", "user"))
    assert not web.says(("spec", "config", "ports", 0, "deeper"))


def test_problems_carry_the_document_s_name_where_it_has_one() -> None:
    for content, name in [
        (text("api", spec="x: 1"), "api"),
        ("apiVersion: stella/v1\nkind: Container\nmetadata: web\nspec: {}\n", ""),
        ("apiVersion: stella/v1\nkind: Container\nmetadata: {name: [web]}\nspec: {}\n", ""),
        ("kind: Thing\nmetadata: {name: api}\n", "api"),
        ("- a\n", ""),
    ]:
        problems = read_documents(content.encode(), "f.yaml")[1]
        assert {problem.document for problem in problems} == {name}
    assert name_of(None) == ""


def test_values_that_may_be_secret_are_never_quoted() -> None:
    secret = "hunter2"
    contents = [
        text(config=f"environment: {{A: [{secret}], 'B {secret[:0]}': x}}"),
        text(config=f"environment: {{A: {{x: {secret}}}}}"),
        text(config=f"secrets: [{{name: {secret}_, encrypted: 5}}]"),
        text(config=f"files: [{{path: {secret}, content: 7, mode: {secret}}}]"),
        text(config=f'environment: {{A: "{secret}\\0"}}'),
        text(config=f"environment: {{A: &x {secret}}}"),
        text(config=f"environment:\n  A: '{secret}"),
        text(config="environment: {A: 1.5, B: 80, C: true}"),
    ]
    for content in contents:
        problems = read_documents(content.encode(), "f.yaml")[1]
        assert problems, content
        for problem in problems:
            assert secret not in f"{problem}{problem.text}"
    assert messages(contents[-1]) == ["must be a text; put quotes around it"] * 3


def test_a_key_of_another_tool_leads_to_ours() -> None:
    found = messages(text(config="cpus: 2\nprivileged: true", spec="restart: always\nenvironment: {}\nzzz: 1"))
    assert found == [
        'unknown key; did you mean "cpuLimit"?',
        "is not supported; give what is needed with capAdd and devices",
        'unknown key; did you mean "config.restartPolicy"?',
        'unknown key; did you mean "config.environment"?',
        "unknown key; allowed: " + ", ".join(known_keys(schema(DESIRED_STATE)["$defs"]["ContainerSpec"])),
    ]


def test_bounds_are_told_in_words() -> None:
    found = messages(
        text(
            config="pidsLimit: 0\ncpuLimit: 0\nports: [{containerPort: 70000}]\nhealthCheck: {test: []}\n"
            "workingDir: /" + "x" * 5000 + "\nuser: ''"
        )
    )
    assert found[:5] == [
        "must be at least 1",
        "must be more than 0",
        "must be at most 65535",
        "must not be empty",
        "is longer than 4096 characters",
    ]


def test_long_values_are_cut() -> None:
    (message,) = messages(text(config="restartPolicy: " + "x" * 500))
    assert "x" * 60 + "…" in message
    assert len(message) < 200


def test_an_empty_wish_is_explained_key_by_key() -> None:
    (tree,) = read_trees(b"apiVersion: stella/v1\nkind: Container\n", "f")[0]
    assert [str(problem) for problem in explain("Container", tree, "f")] == [
        "f:1:1: metadata: is missing",
        "f:1:1: spec: is missing",
    ]


def test_a_version_that_is_no_text_is_told_with_the_rest() -> None:
    assert messages(text().replace("stella/v1", "1"))[0] == "1 is not allowed; allowed: stella/v1"
