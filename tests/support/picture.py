"""Writes docs/demo.svg: what `caudal demo` prints, as a picture for the README."""

import re
import sys
from pathlib import Path

from rich.console import Console

from caudal.cli import demo, show

TARGET = Path(__file__).resolve().parents[2] / "docs/demo.svg"
WIDTH = 128


def main() -> int:
    """Run the demo on a recording console."""
    show.console = Console(record=True, width=WIDTH, force_terminal=True, file=sys.stderr)
    demo.demo.main([], standalone_mode=False)
    svg = show.console.export_svg(title="caudal demo")
    # No font from anywhere else: the reader's own monospace will do. And no folder of this machine.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"/[\w./-]*caudal-demo-\w+", "/tmp/caudal-demo", svg)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
