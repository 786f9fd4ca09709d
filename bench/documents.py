"""Reading documents: ours (strict YAML, schema, building, cross-checks) against libyaml's bare node tree."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from bench.measure import Row, in_turns, row
from reconciler.spec.assemble import examine

SIZE = 1000
ROUNDS = 5
TARGET = 1.5

_DOCUMENT = """\
apiVersion: stella/v1
kind: Container
metadata:
  name: web-{number}
spec:
  release: {{id: r-{number}, name: Web {number}}}
  image: 127.0.0.1:5000/web
  digest: sha256:{number:064x}
  config:
    environment: {{GREETING: hello, NUMBER: "{number}"}}
    memoryLimit: 64Mi
"""


def rows() -> Iterator[Row]:
    """1,000 documents in 1,000 files, from bytes to desired states."""
    contents = {f"web-{number}.yaml": _DOCUMENT.format(number=number).encode() for number in range(SIZE)}
    sound = examine(contents)
    if sound.problems:
        raise RuntimeError(f"the bench's documents are wrong: {sound.problems[0]}")
    medians = in_turns(
        {
            "floor": lambda: [yaml.compose(text, Loader=yaml.CSafeLoader) for text in contents.values()],
            "ours": lambda: examine(contents),
        },
        rounds=ROUNDS,
    )
    yield row(f"read {SIZE} documents", medians, target=TARGET)
