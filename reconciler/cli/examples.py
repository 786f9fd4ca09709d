"""Examples of every command, for its help: what for, and what to type. A test parses each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.cli.fleet_examples import FLEET_EXAMPLES

Example = tuple[str, str]

EXAMPLES: Final[Mapping[str, tuple[Example, ...]]] = {
    "": (
        ("what differs on this host, worst first", "reconciler status"),
        ("what would be done about it, and why", "reconciler plan"),
        ("do it once; `reconciler run` keeps doing it", "reconciler apply"),
    ),
    "status": (
        ("everything, worst first, drawn anew every two seconds", "reconciler status --watch"),
        ("all there is to know of one document", "reconciler status web"),
        ("for a program", "reconciler status --json | jq '.documents[]|{name, sync, health}'"),
    ),
    "plan": (
        ("of everything", "reconciler plan"),
        ("save it, read it, then do exactly that or nothing", "reconciler plan web --out web.plan"),
    ),
    "why": (
        ("the last ten actions on a document", "reconciler why web --limit 10"),
        ("for a program", "reconciler why web --json"),
    ),
    "events": (
        ("go on telling what is done to two documents", "reconciler events web db --watch"),
        ("only what happens from now on, as lines of JSON", "reconciler events --watch --limit 0 --json"),
    ),
    "history": (("what was ever deployed, and how it ended", "reconciler history web"),),
    "validate": (
        ("the folder of documents", "reconciler validate"),
        ("one file, before it is committed", "reconciler validate desired/web.yaml"),
        ("the folder of an orchestrator", "reconciler validate --fleet desired"),
    ),
    "audit": (("who did what to web since yesterday", "reconciler audit show web --since 1d"),),
    "audit show": (
        ("who did what to one document since yesterday", "reconciler audit show web --since 1d"),
        ("what one person did, for a program", "reconciler audit show --actor ana --json"),
    ),
    "audit verify": (
        ("is the log as it was written", "reconciler audit verify"),
        ("also by checkpoints that were kept elsewhere", "reconciler audit verify --checkpoint /mnt/kept/host-a"),
    ),
    "audit checkpoint": (("sign where it ends, and keep that elsewhere", "reconciler audit checkpoint"),),
    "notify": (("does a message get through", "reconciler notify test"),),
    "notify test": (
        ("does a message get through every channel", "reconciler notify test"),
        ("through one of them", "reconciler notify test chat"),
    ),
    "explain": (
        ("the fields of a container's configuration", "reconciler explain spec.config"),
        ("how ports are written", "reconciler explain spec.config.ports"),
        ("of a Compose project", "reconciler explain spec.config --kind ComposeProject"),
    ),
    "policy": (("what documents may ask of this host", "reconciler policy show"),),
    "policy show": (("in force on this host", "reconciler policy show"),),
    "policy check": (
        ("does it allow what the documents ask for", "reconciler policy check"),
        ("would another one", "reconciler policy check draft.yaml"),
    ),
    "doctor": (
        ("everything", "reconciler doctor"),
        ("only what is wrong", "reconciler doctor --json | jq '.findings[]|select(.level!=\"ok\")'"),
    ),
    "apply": (
        ("everything that differs", "reconciler apply"),
        ("two documents, in the order of their needs", "reconciler apply db web"),
        ("what was planned and read, or nothing", "reconciler apply --plan web.plan"),
    ),
    "run": (
        ("on the documents of a Git checkout", "reconciler run --desired /srv/desired"),
        ("metrics for the network, a look every ten seconds", "reconciler run --listen 0.0.0.0:9464 --resync 10"),
    ),
    "rollback": (
        ("see the edit, then make it", "reconciler rollback web --dry-run"),
        ("to the release that served before", "reconciler rollback web"),
        ("to one of `reconciler history web`", "reconciler rollback web --to 1.4.1"),
    ),
    "prune": (
        ("what is left of documents that are gone", "reconciler prune"),
        ("remove what one of them left", "reconciler prune web --confirm"),
    ),
    "suspend": (
        ("leave it alone for two hours", 'reconciler suspend web --reason "incident 42" --for 2h'),
        ("until a time", "reconciler suspend web --reason freeze --until 2099-12-01T08:00:00Z"),
    ),
    "resume": (("go on with it", "reconciler resume web"),),
    "clear": (("try a release again that failed", "reconciler clear web"),),
    "allow": (
        ("this once without its signature", 'reconciler allow web --unsigned --reason "incident 42"'),
        ("no longer", "reconciler allow web --revoke"),
    ),
    "pin": (
        ("the digest of the tag that stands beside it", "reconciler pin desired/web.yaml"),
        ("of the next release", "reconciler pin desired/web.yaml --tag 1.4.2"),
    ),
    "lock": (
        ("beside the Compose file", "reconciler lock shop/compose.yaml"),
        ("and its digests into the document", "reconciler lock shop/compose.yaml --document desired/shop.yaml"),
        ("have tags moved since", "reconciler lock shop/compose.yaml --check"),
    ),
    "sticker": (("is it what was written", "reconciler sticker verify web"),),
    "sticker read": (("the release that runs, for a program", "reconciler sticker read web | jq -r .release.id"),),
    "sticker write": (("anew, after somebody changed it", "reconciler sticker write web"),),
    "sticker verify": (("is it what was written", "reconciler sticker verify web"),),
    "init": (
        (
            "with the digest that the registry has for the tag",
            "reconciler init registry.example.com/shop/web:1.4.1 --port 127.0.0.1:8080:80",
        ),
        ("under another name", "reconciler init nginx:1.27 --name proxy"),
    ),
    "agent": (
        (
            "make this host part of a fleet",
            "reconciler agent enroll --server https://fleet.example.com:8443 < token",
        ),
        ("then keep it following", "reconciler agent run"),
    ),
    "agent enroll": (
        (
            "the token in a file",
            "reconciler agent enroll --server https://fleet.example.com:8443 --token-file token",
        ),
        ("or from standard input", "reconciler agent enroll --server https://fleet.example.com:8443 < token"),
    ),
    "agent run": (("in place of 'reconciler run'", "reconciler agent run --desired /srv/desired"),),
    "secret": (("a key for this host, once", "reconciler secret keygen"),),
    "secret keygen": (
        ("where this host looks for it", "reconciler secret keygen"),
        ("elsewhere", "reconciler secret keygen -o /root/identity.txt"),
    ),
    "secret recipients": (("for whom to encrypt what this host is to open", "reconciler secret recipients"),),
    "secret encrypt": (
        (
            "type it unseen; it is written into the document",
            "reconciler secret encrypt --document desired/web.yaml --name db",
        ),
        ("a file, for another host", "reconciler secret encrypt -R host-a.pub -o token.age < token"),
    ),
    "secret decrypt": (
        (
            "into a file in memory",
            "reconciler secret decrypt --document desired/web.yaml --name db -o /dev/shm/db",
        ),
    ),
    "secret rotate": (
        ("for another key; the values stay", "reconciler secret rotate desired/web.yaml --to age1..."),
    ),
    "config": (("every setting and where it comes from", "reconciler config"),),
    "completion": (("for this shell, now", 'eval "$(reconciler completion bash)"'),),
    **FLEET_EXAMPLES,
}
