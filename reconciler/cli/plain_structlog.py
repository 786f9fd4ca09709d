"""structlog, loaded without rich, with which it would draw tracebacks.

Ours are plain text, so rich and pygments would be 5 MB that the running controller has for nothing, and a fifth of
the time that it takes to load. structlog does without where it cannot import rich; whoever imports rich afterwards
gets it. Import structlog from here where it may be the first time.
"""

from __future__ import annotations

import sys
from typing import Any, cast

_WITHHELD = "rich" not in sys.modules
_modules = cast("dict[str, Any]", sys.modules)
if _WITHHELD:
    _modules["rich"] = None
try:
    import structlog
finally:
    if _WITHHELD:
        del _modules["rich"]

__all__ = ["structlog"]
