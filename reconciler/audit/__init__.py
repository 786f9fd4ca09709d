"""The audit log of one host: what was done and decided, by whom and why, in a chain that shows every later change.

One folder of files of JSON lines in the state directory, written before and after each Action by the controller
and by operators' commands beside it; signed checkpoints beside it. Decides nothing about what may be done: it
refuses only what it cannot note.

Invariants: a line is on disk before its method returns, but for outcomes that are owed; each line has the hash of
the one before; no line is ever changed; no secret is in it.
"""

from reconciler.audit.log import AuditLog

__all__ = ["AuditLog"]
