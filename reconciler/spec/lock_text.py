"""The text of a lock file: the same model gives the same bytes, whatever made it and in whatever order. Pure.

Written by our own hand in the plainest YAML there is, so that every reader of any YAML version reads the same
values, and so that the tag an image came from can stand as a comment beside its digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.spec.edit import rendered
from reconciler.spec.lock_file import is_disputed

HEAD: Final = """\
# A Compose project with every image by digest. Made by `reconciler lock`; do not edit it: change the Compose
# file, then make this one anew with
#
#   {command}
#
# The comment beside an image is the reference that it was made from.
"""

_FIRST: Final = ("services", "networks", "volumes", "configs", "secrets", "x-stella")


def lock_text(model: Mapping[str, Any], *, command: str) -> str:
    """The file. ``command`` is what makes it anew, on one line."""
    images = model["x-stella"]["images"]
    lines = [HEAD.format(command=command)]
    for key in _ordered(model, _FIRST):
        lines.append(f"{key}:\n")
        if key == "services":
            for name in sorted(model[key]):
                lines.append(f"  {rendered(name)}:\n")
                lines += _service(model[key][name], images[name])
        else:
            lines += _mapping(model[key], "  ")
    return "".join(lines)


def _service(service: Mapping[str, Any], reference: str) -> Iterator[str]:
    beside = "" if reference == service["image"] else f"  # {reference}"
    yield f"    image: {service['image']}{beside}\n"
    yield from _mapping({key: value for key, value in service.items() if key != "image"}, "    ")


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key in sorted(value):
        yield from _entry(f"{indent}{rendered(key)}:", value[key], indent)


def _entry(lead: str, value: Any, indent: str) -> Iterator[str]:
    """``lead`` and the value, on its line or below it."""
    if isinstance(value, Mapping) and value:
        yield f"{lead}\n"
        yield from _mapping(value, indent + "  ")
    elif isinstance(value, list) and value:
        yield f"{lead}\n"
        yield from _list(value, indent + "  ")
    else:
        yield f"{lead} {_scalar(value)}\n"


def _list(value: Sequence[Any], indent: str) -> Iterator[str]:
    for item in value:
        if isinstance(item, Mapping) and item:
            first, *rest = _mapping(item, indent + "  ")
            yield f"{indent}- {first.lstrip(' ')}"
            yield from rest
        else:
            yield f"{indent}- {_scalar(item)}\n"


def _scalar(value: Any) -> str:
    """Fractions, and texts that look like numbers, in quotes: what they mean is then the same to everybody."""
    text = rendered(str(value) if isinstance(value, float) else value)
    return f'"{text}"' if isinstance(value, str | float) and is_disputed(text) else text


def _ordered(value: Mapping[str, Any], first: Sequence[str]) -> list[str]:
    return [key for key in first if key in value] + sorted(key for key in value if key not in first)
