"""Notifications: what a person must know, brought to where a person sees it.

What is told, to whom and when is decided in ``core.telling``; here it is worded, signed and sent. A receiver that
is dead, slow or lying has no effect on a deploy or a pass: everything here runs beside them, and all waits are
bounded.
"""
