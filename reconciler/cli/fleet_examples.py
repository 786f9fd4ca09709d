"""Examples of the commands for many hosts, for their help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FLEET_EXAMPLES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "orchestrator": (
        ("make one, then be it", "reconciler orchestrator init --name fleet.example.com"),
        ("until told to stop", "reconciler orchestrator run"),
    ),
    "orchestrator init": (
        (
            "reached under a name and an address",
            "reconciler orchestrator init --name fleet.example.com --name 192.0.2.7",
        ),
    ),
    "orchestrator admin": (
        ("for another person", "reconciler orchestrator admin grace --out /root/grace"),
        ("for one who only looks", "reconciler orchestrator admin vic --viewer --out /root/vic"),
        ("who has left", "reconciler orchestrator admin grace --revoke"),
    ),
    "orchestrator events": (("what was refused and decided last", "reconciler orchestrator events --limit 20"),),
    "orchestrator rotate-ca": (
        ("where it is, and who is not ready", "reconciler orchestrator rotate-ca"),
        ("the next step", "reconciler orchestrator rotate-ca introduce"),
    ),
    "orchestrator token": (
        ("for one host, within an hour", "reconciler orchestrator token --target host-a --ttl 1h"),
    ),
    "orchestrator run": (
        ("with documents of a checkout", "reconciler orchestrator run --documents /srv/desired"),
    ),
    "orchestrator backup": (
        ("all of it in one file, while it runs", "reconciler orchestrator backup /backup/fleet.tar.gz"),
    ),
    "orchestrator restore": (
        ("a new folder of it", "reconciler orchestrator restore /backup/fleet.tar.gz --home /srv/fleet"),
    ),
    "fleet": (("each agent: there or not, and what it holds", "reconciler fleet status"),),
    "fleet status": (
        ("each agent: there or not, and what it holds", "reconciler fleet status"),
        ("for a program", "reconciler fleet status --json | jq '.agents[]|{id, presence}'"),
    ),
    "fleet documents": (
        ("all, and on how many hosts each is", "reconciler fleet documents"),
        ("one: on which hosts, and why not on others", "reconciler fleet documents web"),
    ),
    "fleet put": (
        ("a document, or a change of one", "reconciler fleet put web.yaml"),
        ("only in place of what was looked at", "reconciler fleet put web.yaml --revision 3"),
    ),
    "fleet get": (("to change it, and put it again", "reconciler fleet get web"),),
    "fleet label": (
        ("documents for the north go there, too", "reconciler fleet label host-a region=north"),
        ("one label less", "reconciler fleet label host-a retired-"),
    ),
    "fleet rollout": (
        ("how far it is", "reconciler fleet rollout web"),
        ("go on past what has failed", "reconciler fleet rollout web resume"),
    ),
    "fleet remove": (("it is not wished for any more", "reconciler fleet remove web"),),
    "fleet revoke": (("a host that is gone, or was broken into", "reconciler fleet revoke host-a"),),
    "fleet drain": (
        ("no new tasks, for maintenance", "reconciler fleet drain host-a"),
        ("tasks again", "reconciler fleet drain host-a --end"),
    ),
    "task": (
        ("how does a document stand on a host", "reconciler task submit inspect --target host-a --document web"),
        ("what was asked for last", "reconciler task list"),
    ),
    "task submit": (
        (
            "a release to one host",
            "reconciler task submit deploy --target host-a --file web.yaml",
        ),
        (
            "the one before, for a region",
            "reconciler task submit rollback --label region=north --document web",
        ),
    ),
    "task list": (("what failed on a host", "reconciler task list --target host-a --state failed"),),
    "task show": (("what came of it", "reconciler task show 7f1c2f0e-9f2b-4a55-8d0e-0d4b8a0e6a11"),),
    "task cancel": (("it is not wanted any more", "reconciler task cancel 7f1c2f0e-9f2b-4a55-8d0e-0d4b8a0e6a11"),),
    "task logs": (("as it comes", "reconciler task logs 7f1c2f0e-9f2b-4a55-8d0e-0d4b8a0e6a11 --follow"),),
}
