"""Which view decides about a document: by what it asks for."""

from __future__ import annotations

from reconciler.core.compose.view import ProjectView
from reconciler.core.container_view import ContainerView
from reconciler.core.situation import Situation
from reconciler.core.view import View


def view_of(situation: Situation) -> View:
    """The document as its kind decides about it."""
    project = situation.desired.project
    return ContainerView(situation) if project is None else ProjectView(situation, project)
