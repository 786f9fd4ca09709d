"""``make bench``: measure everything and print one table."""

from __future__ import annotations

import itertools

from bench import documents, observing, status_page
from bench.measure import table


def main() -> None:
    """Print the table. A missed target is told, not an error: it says as much about a busy machine."""
    print(table(list(itertools.chain(observing.rows(), documents.rows(), status_page.rows()))))  # noqa: T201 -- its purpose


if __name__ == "__main__":
    main()
