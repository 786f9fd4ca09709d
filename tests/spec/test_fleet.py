"""What of a document is for an orchestrator alone: for which hosts of a fleet it is."""

from __future__ import annotations

import pytest

from reconciler.core.rollout import Amount, Pace
from reconciler.spec.assemble import Examined, examine
from reconciler.spec.document import read_documents
from reconciler.spec.fleet import for_hosts, pace_of, targets_of
from reconciler.spec.fleet_folder import examine_fleet
from tests.spec.texts import defaults, text


def told(*documents: str, fleet: bool = True) -> tuple[list[str], list[str]]:
    """Names of what can be used, and what is wrong."""
    files = {"a.yaml": "---\n".join(documents).encode()}
    return of(examine_fleet(files) if fleet else examine(files))


def of(examined: Examined) -> tuple[list[str], list[str]]:
    return [item.name for item in examined.documents], [str(problem) for problem in examined.problems]


def chosen(name: str = "web", targets: str = "{matchLabels: {region: north}}", **more: str) -> str:
    return text(name, spec=f"targets: {targets}", **more)


def test_a_host_refuses_a_document_that_chooses_hosts_of_a_fleet_at_its_place() -> None:
    names, (problem,) = told(text("api"), chosen(), fleet=False)
    assert names == ["api"]
    assert problem.startswith("a.yaml:16:12: spec.targets: is for documents of an orchestrator")
    assert "metadata.target" in problem


def test_an_orchestrator_takes_it() -> None:
    assert told(chosen(), chosen("api", "{names: [host-a]}"), text("db", meta=", target: host-a")) == (
        ["web", "api", "db"],
        [],
    )


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ("{}", "a.yaml:8:12: spec.targets: a selector names a target or at least one label"),
        ("{names: []}", "spec.targets.names: must not be empty"),
        ("{names: [Host_A]}", 'spec.targets.names[0]: "Host_A" is not allowed here; allowed: 1 to 63 lower-case'),
        ("{target: host-a}", "spec.targets.target: unknown key; allowed: names, matchLabels, matchExpressions"),
        ("{matchLabels: {region: 7}}", "spec.targets.matchLabels.region: must be a text; put quotes around it"),
        ("{matchLabels: {region: ''}}", "spec.targets: matchLabels.region must be a text that is not empty"),
        (
            "{matchExpressions: [{key: a, operator: Exists}, {key: b, operator: In}]}",
            "spec.targets.matchExpressions[1]: values: In has at least one value",
        ),
        ("{matchExpressions: [{key: a, operator: in}]}", 'operator: "in" is not allowed; allowed: In, NotIn'),
        (
            f"{{matchExpressions: [{', '.join(['{key: a, operator: Exists}'] * 33)}]}}",
            "must have at most 32 items",
        ),
    ],
)
def test_what_is_wrong_with_targets_is_told_at_its_place(targets: str, words: str) -> None:
    names, (problem,) = told(chosen(targets=targets))
    assert names == []
    assert words in problem


def test_a_host_is_said_in_one_place() -> None:
    names, problems = told(chosen(meta=", target: host-a"))
    assert names == []
    assert "in metadata.target already" in problems[0]


def test_whom_a_document_is_for_is_read_from_one_place_and_taken_out_for_hosts() -> None:
    files = [chosen(), text(meta=", target: host-a"), text()]
    by_labels, by_name, for_all = (read_documents(item.encode(), "a.yaml")[0][0].value for item in files)
    assert targets_of(by_labels) == {"matchLabels": {"region": "north"}}
    assert targets_of(by_name) == {"target": "host-a"}
    assert targets_of(for_all) == {}
    assert for_hosts(by_labels) == for_all


def test_a_document_that_chooses_its_hosts_has_a_name_of_its_own() -> None:
    north, south = chosen(), chosen(targets="{matchLabels: {region: south}}")
    names, problems = told(north, south, text(meta=", target: host-a"), text("api"))
    assert names == ["api"]
    assert len(problems) == 3
    assert "the name is also used by" in problems[0]
    names, problems = told(north, text())
    assert (names, len(problems)) == ([], 2)


def test_documents_of_different_labels_may_use_the_same_port() -> None:
    port = 'ports: ["8080:80"]'
    one, other = chosen("web", config=port), chosen("api", "{matchLabels: {region: south}}", config=port)
    assert told(one, other) == (["web", "api"], [])


def test_documents_that_meet_for_certain_may_not() -> None:
    port = 'ports: ["8080:80"]'
    everywhere, north = text("api", config=port), chosen(config=port)
    here, there = (
        chosen("db", "{names: [host-a]}", config=port),
        text("mail", meta=", target: host-a", config=port),
    )
    assert told(everywhere, north)[0] == []
    assert told(here, there)[0] == []
    assert told(here, text("mail", meta=", target: host-b", config=port)) == (["db", "mail"], [])


def test_a_conflict_of_a_value_that_came_from_the_defaults_says_so() -> None:
    files = {"a.yaml": f"{text('web')}---\n{text('api')}", "d.yaml": defaults('config: {ports: ["80:80"]}')}
    names, problems = of(examine_fleet({name: content.encode() for name, content in files.items()}))
    assert names == []
    assert [problem.endswith("(from the Defaults in d.yaml:4:19)") for problem in problems] == [True, True]


def test_a_document_that_stands_alone_takes_no_defaults_and_keeps_its_name() -> None:
    files = {"a.yaml": text("web").encode(), "d.yaml": defaults("adopt: true").encode()}
    examined = examine_fleet(files, alone={"api/web": text("web").encode(), "api/x": b"kind: ["})
    (web,) = examined.documents
    assert (web.adopt, str(web.source)) == (False, "api/web:1")
    assert next(str(item) for item in examined.problems) == (
        "a.yaml:3:18: metadata.name: a document of the API has this name (api/web), and keeps it; remove one"
    )
    assert examined.problems[1].file == "api/x"


def test_a_document_may_wait_for_one_that_may_be_there() -> None:
    wait = "\ndependsOn: [{name: db}]"
    web = text("web", spec=f"targets: {{matchLabels: {{region: north}}}}{wait}")
    assert told(web, text("db", meta=", target: host-a")) == (["web", "db"], [])
    assert told(text("web", spec=wait.strip()), chosen("db")) == (["web", "db"], [])
    assert "no document for this target" in told(web)[1][0]


def rolled(rollout: str, **more: str) -> str:
    return text(spec=f"rollout: {rollout}", **more)


def pace(rollout: str) -> Pace | None:
    return pace_of(read_documents(rolled(rollout).encode(), "a.yaml")[0][0].value)


def test_a_rollout_is_read_with_its_defaults() -> None:
    assert pace_of(read_documents(text().encode(), "a.yaml")[0][0].value) is None
    assert pace("{strategy: all-at-once}") == Pace()
    assert pace("{strategy: rolling}") == Pace(strategy="rolling", most=Amount(1))
    assert pace("{strategy: rolling, maxParallel: 25%, failureBudget: 2, onBreach: rollback}") == Pace(
        strategy="rolling", most=Amount(25, percent=True), budget=Amount(2), on_breach="rollback"
    )
    assert pace("{strategy: canary, canaries: 10%, soak: 1m}") == Pace(
        strategy="canary", canaries=Amount(10, percent=True), soak_s=60.0
    )


@pytest.mark.parametrize(
    ("rollout", "words"),
    [
        ("{}", "spec.rollout.strategy: is missing; allowed: all-at-once, rolling, canary"),
        ("{strategy: blue-green}", '"blue-green" is not allowed; allowed: all-at-once, rolling, canary'),
        (
            "{strategy: rolling, maxParallel: 200%}",
            '"200%" is not allowed here; allowed: a whole number, or a part',
        ),
        ("{strategy: rolling, maxParallel: -1}", "spec.rollout.maxParallel: must be at least 0"),
        ("{strategy: rolling, soak: 5m}", 'spec.rollout.soak: is not for the strategy "rolling"; remove it'),
        ("{strategy: all-at-once, canaries: 1}", 'spec.rollout.canaries: is not for the strategy "all-at-once"'),
        ("{strategy: canary, soak: soon}", "spec.rollout.soak: "),
    ],
)
def test_what_is_wrong_with_a_rollout_is_told_at_its_place(rollout: str, words: str) -> None:
    names, (problem,) = told(rolled(rollout))
    assert names == []
    assert words in problem


def test_a_rollout_is_for_several_hosts_and_only_an_orchestrator_reads_it() -> None:
    assert told(rolled("{strategy: rolling}")) == (["web"], [])
    assert "metadata.target names one" in told(rolled("{strategy: rolling}", meta=", target: host-a"))[1][0]
    assert (
        "a.yaml:8:12: spec.rollout: is for documents of" in told(rolled("{strategy: rolling}"), fleet=False)[1][0]
    )
    document = read_documents(rolled("{strategy: rolling}").encode(), "a.yaml")[0][0].value
    assert for_hosts(document) == read_documents(text().encode(), "a.yaml")[0][0].value
