"""Where vmplumbctl begins: says what to install if its libraries are not there."""

from __future__ import annotations

import sys


def main() -> None:
    """Run vmplumbctl."""
    try:
        from vmplumb._cli.app import run  # noqa: PLC0415 - click and rich are an extra of the package
    except ModuleNotFoundError as exc:
        if exc.name not in ("click", "rich"):
            raise
        sys.exit(f"vmplumbctl needs {exc.name}: pip install 'vmplumb[cli]'")
    run()


if __name__ == "__main__":
    main()
