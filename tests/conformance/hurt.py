"""vmplumbd that has a fault of its own, one nobody thought of, while a file is there; and deaf while another is.

For the second see tests/system/deaf.py.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.system import deaf
from vmplumbd.operations.agent import Agent
from vmplumbd.rpc import servicer


def main() -> int:
    """Run the command; set-ups and GetStatus fall over while the file that VMPLUMB_TEST_WRONG names is there."""
    flag = Path(os.environ["VMPLUMB_TEST_WRONG"])

    def falling(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def wrapped(*words: Any, **names: Any) -> Any:
            if flag.exists():
                raise ZeroDivisionError("a fault that nobody thought of")
            return method(*words, **names)

        return wrapped

    Agent.set_up = falling(Agent.set_up)  # type: ignore[method-assign]
    servicer.status_response = falling(servicer.status_response)  # type: ignore[attr-defined]
    return deaf.main()


if __name__ == "__main__":
    sys.exit(main())
