from __future__ import annotations

from dataclasses import replace

from reconciler.core.desired import SourceLocation
from reconciler.spec.assemble import conflict_problem, examine
from reconciler.spec.check import Conflict
from tests.spec.texts import defaults, desired, text


def told(files: dict[str, str], target: str | None = None, *, every: bool = False) -> tuple[list[str], list[str]]:
    examined = examine({name: content.encode() for name, content in files.items()}, target=target, every=every)
    assert examined.sound is not any(problem.level == "error" for problem in examined.problems)
    return [item.name for item in examined.documents], [str(problem) for problem in examined.problems]


def test_defaults_lie_under_every_document_wherever_they_are_written() -> None:
    files = {
        "a.yaml": text(config="environment: {LOG: debug}\ncapDrop: []"),
        "z.yaml": defaults(
            "config: {environment: {LOG: info, TZ: UTC}, capDrop: [ALL]}\nadopt: true", "{labels: {t: s}}"
        )
        + "---\n"
        + text("api"),
    }
    examined = examine({name: content.encode() for name, content in files.items()})
    web, api = examined.documents
    assert web.config.environment == {"LOG": "debug", "TZ": "UTC"}
    assert api.config.environment == {"LOG": "info", "TZ": "UTC"}
    assert (web.config.cap_drop, api.config.cap_drop) == ((), ("ALL",))
    assert web.adopt
    assert web.labels == {"t": "s"}
    assert (str(web.source), str(api.source)) == ("a.yaml:1", "z.yaml:8")
    assert web.document["kind"] == "Container"
    assert web.document["metadata"] == {"labels": {"t": "s"}, "name": "web"}


def test_empty_defaults_change_nothing() -> None:
    files = {"a.yaml": text(), "d.yaml": defaults()}
    plain = examine({"a.yaml": text().encode()}).documents
    assert examine({name: content.encode() for name, content in files.items()}).documents == plain


def test_one_wrong_document_leaves_the_others_of_all_files() -> None:
    names, problems = told(
        {"a.yaml": text() + "---\n" + text("bad", config="memoryLimit: 1Mi"), "b.yaml": text("api")}
    )
    assert names == ["web", "api"]
    assert len(problems) == 1


def test_a_dependency_that_is_wrong_itself_is_not_called_unknown() -> None:
    names, problems = told(
        {"a.yaml": text(spec="dependsOn: [{name: db}]"), "b.yaml": text("db", config="memoryLimit: lots")}
    )
    assert names == ["web"]
    assert len(problems) == 1
    assert problems[0].startswith("b.yaml")


def test_documents_for_other_targets_are_left_out_before_the_checks() -> None:
    files = {
        "a.yaml": text(meta=", target: host-a", config='ports: ["80:80"]'),
        "b.yaml": text(meta=", target: host-b", config='ports: ["80:80"]'),
        "c.yaml": text("all"),
    }
    assert told(files, "host-a") == (["web", "all"], [])
    assert told(files) == (["all"], [])
    assert told(files, every=True) == (["web", "web", "all"], [])


def test_every_target_is_checked_with_the_documents_that_are_for_all() -> None:
    files = {
        "a.yaml": text(meta=", target: host-a", config='ports: ["80:80"]'),
        "c.yaml": text("all", config='ports: ["80:80"]'),
        "d.yaml": text("other", meta=", target: host-b"),
    }
    names, problems = told(files, every=True)
    assert names == ["other"]
    assert len(problems) == 2


def test_a_value_that_came_from_the_defaults_says_so() -> None:
    files = {
        "d.yaml": defaults("config: {volumes: [data:/x]}"),
        "a.yaml": text(config="tmpfs: [/x]") + "---\n" + text("api", config="tmpfs: [/x]\nvolumes: [api:/x]"),
    }
    names, problems = told(files)
    assert names == []
    assert problems[0].endswith("the path in the container /x is given twice (from the Defaults in d.yaml:4:21)")
    assert problems[1].endswith("the path in the container /x is given twice")


def test_a_warning_leaves_the_document_in_use() -> None:
    names, problems = told({"a.yaml": text(config='ports: ["80:80"]', spec="strategy: {order: start-first}")})
    assert names == ["web"]
    assert problems[0].startswith("a.yaml:10:21: warning: spec.strategy.order: ")


def test_a_conflict_of_a_document_whose_text_is_gone_is_placed_at_its_first_line() -> None:
    stored = replace(desired(), source=SourceLocation("a.yaml", 3))
    conflict = Conflict(stored, ("metadata", "name"), "is taken")
    assert str(conflict_problem(conflict, None)) == "a.yaml:3:1: metadata.name: is taken"
    assert conflict_problem(replace(conflict, document=desired()), None).line == 1
