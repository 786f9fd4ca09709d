"""Deployment directories on this host: the interface ``Deployments`` on a real disk.

What lies where is decided in ``core.deployment``. Modes, and why:

- The directory and its parents, where we make them: 0755; where they are there, they stay as they are.
- ``revisions`` and ``files``: 0700, since lock files hold environments, and artifacts may be secrets.
- Artifacts below ``files``: 0644. They are mounted one by one into containers whose users are not root; the
  engine, as root, finds the source of the mount, and inside the container only the file's own mode counts.
  Other people of the host are kept out by the folder above.
- All files of a revision: 0600. Only Compose reads them, as the user that we are.

Invariants: no link below the directory is followed; every file is written whole or not at all, and is durable
before the next one is begun; a link, a folder or anything else in the way is refused, not replaced.
"""

from reconciler.deployments.store import DeploymentStore

__all__ = ["DeploymentStore"]
