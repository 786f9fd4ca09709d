"""Plans as JSON values: a published contract, and what a saved plan is checked by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.desired import canonical_json
from reconciler.core.plan import Plan

VERSION = 1


def plans_json(plans: Sequence[Plan]) -> dict[str, Any]:
    """``version``, ``changes``, ``documents`` and ``basis``: a digest over all that the plans say."""
    documents = [plan_json(plan) for plan in plans]
    return {
        "version": VERSION,
        "changes": any(plan.changes for plan in plans),
        "basis": basis(documents),
        "documents": documents,
    }


def plan_json(plan: Plan) -> dict[str, Any]:
    """One document's plan."""
    return {
        "name": plan.document,
        "kind": plan.kind,
        "target": plan.target,
        "verdict": _verdict(plan),
        "purpose": plan.purpose,
        "fingerprint": plan.fingerprint,
        "restarts": plan.restarts,
        "drift": [
            {"kind": item.kind, "path": item.path, "wanted": item.wanted, "found": item.found}
            for item in plan.drift
        ],
        "actions": [{"action": item.kind, "target": item.target, "cause": item.cause} for item in plan.actions],
        "blocked": plan.blocked,
    }


def _verdict(plan: Plan) -> str:
    return plan.standstill or ("change" if plan.actions else "converged")


def basis(documents: Sequence[Mapping[str, Any]]) -> str:
    """Digest over the documents' plans: equal only if both sides, host and files, are as they were."""
    return "sha256:" + hashlib.sha256(canonical_json(list(documents))).hexdigest()
