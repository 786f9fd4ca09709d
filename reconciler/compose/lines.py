"""One line of Compose's output, for people: short, printable, without credentials. Pure.

With ``--progress plain`` Compose writes a line for each step of each thing: " Container shop-web-1  Recreated",
" Network shop_default  Created", `` Volume "shop_data"  Created``. Lines of any other form are passed on as they
are.
"""

from __future__ import annotations

import re

from reconciler.core.display import without_credentials

LINE_LIMIT = 500

_STEP = re.compile(r"^ ?(Container|Network|Volume) \"?([^\s\"]+)\"?  (\S.*)$")
_REPLACEMENT = re.compile(r"^[0-9a-f]{12}_")
_NUMBER = re.compile(r"-([0-9]+)$")
_LOGGED = re.compile(r"^time=\"[^\"]*\" level=(\w+) msg=\"(.*)\"$")


def clean(raw: bytes) -> str:
    """The line as text: no control characters, bounded."""
    text = raw.decode("utf-8", "replace").replace("\t", " ")
    text = "".join(character for character in text if character.isprintable())
    return text if len(text) <= LINE_LIMIT else f"{text[: LINE_LIMIT - 1]}…"


def is_progress(line: str) -> bool:
    """Whether the line tells a step, not a reason."""
    return _STEP.match(line) is not None


def message(line: str) -> str:
    """What a line says, without the dress of a logger, credentials of URLs masked."""
    logged = _LOGGED.match(line)
    if logged is None:
        return without_credentials(line)
    return without_credentials(f"{logged[1]}: {logged[2]}".replace('\\"', '"').replace("\\n", " "))


def told(line: str, project: str) -> str:
    """The line as progress: ``web: Recreated``, ``web-2: Created``, ``network default: Created``."""
    step = _STEP.match(line)
    if step is None:
        return message(line).strip()
    kind, name, what = step.groups()
    if kind == "Container":
        return f"{_service(name, project)}: {what}"
    return f"{kind.lower()} {name.removeprefix(f'{project}_')}: {what}"


def _service(container: str, project: str) -> str:
    name = _REPLACEMENT.sub("", container)
    if not name.startswith(f"{project}-"):
        return name
    name = name.removeprefix(f"{project}-")
    number = _NUMBER.search(name)
    return name[: number.start()] if number and number[1] == "1" else name
