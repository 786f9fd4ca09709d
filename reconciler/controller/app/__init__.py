"""Composition root of the controller: makes the parts from the settings and hands them to each other.

Decides nothing; the only folder of this room that knows the settings. Two ways in: ``open_service`` for one
command, ``program.serve`` for the program that stays. A command does not load what only the program needs.
"""

from reconciler.controller.app.command import open_service
from reconciler.controller.app.opening import open_parts
from reconciler.controller.app.parts import Parts

__all__ = ["Parts", "open_parts", "open_service"]
