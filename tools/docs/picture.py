"""The site's first page as a browser shows it: python -m tools.docs.picture, after `make docs`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "build/site/index.html"
PICTURE = ROOT / "docs/assets/site.png"


def main() -> int:
    """Take it. 1 without a browser or a built site."""
    browser = shutil.which("chromium")
    if browser is None or not PAGE.exists():
        print(
            "needs chromium (tools/system_packages.sh chromium) and the built site (make docs)",
            file=sys.stderr,
        )
        return 1
    PICTURE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--user-data-dir={home}", "--window-size=1280,900"),
                *(f"--screenshot={PICTURE}", PAGE.as_uri()),
            ],
            check=True,
            timeout=300,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
