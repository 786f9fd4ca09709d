"""Keys that people bring along from elsewhere, and what there is in their place. By the title of the mapping."""

from __future__ import annotations

from collections.abc import Mapping

_LOCK_AGAIN = 'leave it to "reconciler lock", which writes what comes of it'
_CONFINED = "is not for hooks: they have no privileges beyond their user's"
_NO_HOOKS = "is not carried out: a lock file has commands of services only; make it a service of its own"

_PROJECT = {
    "image": "is of a Container; a project's images are in its lock file",
    "digest": "is of a Container; a project's digests are in config.expectedDigests",
    "adopt": "is not offered for projects: take a project that is there down before it is deployed",
}
_CONFIG = {
    "environment": f"is decided when the lock file is made: {_LOCK_AGAIN}",
    "profiles": f"are decided when the lock file is made: {_LOCK_AGAIN}",
    "files": 'is called "configFiles" with projects',
    "containerName": "is of a Container; services have container_name in the lock file",
}
_SERVICE = {
    "build": 'is not possible here: build and push the image before; "reconciler lock" writes its digest',
    "env_file": f"is read when the lock file is made: {_LOCK_AGAIN}",
    "extends": f"is resolved when the lock file is made: {_LOCK_AGAIN}",
    "profiles": f"are decided when the lock file is made: {_LOCK_AGAIN}",
    "pull_policy": "has no effect: images are pulled by digest before Compose runs; remove it",
    "post_start": _NO_HOOKS,
    "pre_stop": _NO_HOOKS,
    "provider": "is not possible: every service of a lock file is a container",
    "develop": "is for development; remove it",
    "gpus": "is not supported",
}
_FILE = {
    "content": f"is written to a file when the lock file is made: {_LOCK_AGAIN}",
    "environment": f"is written to a file when the lock file is made: {_LOCK_AGAIN}",
    "external": "is only known in a swarm; name a file",
}
_IN_THE_LOCK = "is said in the Compose file, by the services that use the secret"
_GIVEN = {
    "mountPath": f'{_IN_THE_LOCK}: "target" of their "secrets"',
    "envName": "is of a Container: a project's secrets are files; have the service read /run/secrets/NAME",
    "mode": "is of a Container: a project's secrets have mode 0444",
    "uid": "is of a Container: a project's secrets have mode 0444",
    "gid": "is of a Container: a project's secrets have mode 0444",
}
_HOOK = {
    "privileged": _CONFINED,
    "capAdd": _CONFINED,
    "cap_add": _CONFINED,
    "devices": "is not for hooks: they have no devices of the host",
    "volumes": 'is called "mounts" in a hook, and names volumes that the document itself mounts',
    "networks": 'is called "network" in a hook: none, container, or the name of one network',
    "ports": "is not for hooks: nobody is to reach them",
    "entrypoint": 'is not for hooks: "command" is all that is run',
    "retries": 'is not for hooks: end with 75 to be run again later; "strategy.retries" is of the release',
}
INSTEAD: Mapping[str, Mapping[str, str]] = {
    "Hook": _HOOK,
    "ComposeProject specification": _PROJECT,
    "Project configuration": _CONFIG,
    "Project strategy": {"order": "is of a Container: what is replaced in a project, and how, Compose decides"},
    "Lock file": {
        "include": f"is resolved when the lock file is made: {_LOCK_AGAIN}",
        "version": "is obsolete; remove it",
    },
    "Lock file service": _SERVICE,
    "File of a config": _FILE,
    "Secret of a lock file": {key: _FILE[key] for key in ("content", "environment")},
    "Secret of a project": _GIVEN,
    "ComposeProject document": {"artifacts": "is added by the program; remove it"},
    "Container document": {"artifacts": "is added by the program; remove it"},
}


def instead(title: str, key: str) -> str:
    """What to do instead of ``key`` in a mapping with this title; "" where nothing special is known."""
    return INSTEAD.get(title, {}).get(key, "")
