"""Text to desired state: safe YAML, schemas, building, cross-document checks, and edits in place.

Everything here is pure: bytes come in, values and ``Problem``s go out. Finding and reading files is the
business of ``sources``.
"""
