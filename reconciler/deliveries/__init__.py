"""What is delivered into containers, on this host: the interface ``Deliveries`` on real disks and in real memory.

What lies where is decided in ``core.delivery``. Modes, and why:

- All folders: 0700 and ours. Other people of the host are kept out by them; a file's own mode, which its document
  chooses, counts inside the container: the engine, as root, finds the source of a mount.
- Opened secrets lie only in a file system in memory (tmpfs, ramfs). Elsewhere nothing of them is written.

Invariants: no link below the two folders is followed; a file appears whole or not at all; one that was altered is
put right in place, so that whoever has it mounted sees it; what is in the way (a link, a folder) is refused, not
replaced; no opened value is kept in this process.
"""

from reconciler.deliveries.store import DeliveryStore

__all__ = ["DeliveryStore"]
