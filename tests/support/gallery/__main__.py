"""``python -m tests.support.gallery OUT/``: the gallery as files, to be looked at through any server of OUT/."""

import shutil
import sys
from pathlib import Path
from typing import Final

from tests.support.gallery.pages import PAGES, page

from caudal.web import static
from caudal.web.languages import LANGUAGES
from caudal.web.policy import CONTENT_SECURITY_POLICY

_HEAD: Final = '<meta charset="utf-8">'
_POLICY: Final = CONTENT_SECURITY_POLICY.replace("; frame-ancestors 'none'", "")
"""As a <meta> a policy can't say who may frame a page."""


def write(out: Path) -> list[str]:
    """Everything in every language, each under the policy that pages are under; the names of what was written."""
    shutil.copytree(static.folder(), out / "static", dirs_exist_ok=True)
    meta = f'{_HEAD}\n<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    names = []
    for name in PAGES:
        for language in LANGUAGES:
            names.append(f"{name}.{language}.html")
            (out / names[-1]).write_text(page(name, language).replace(_HEAD, meta, 1), "utf-8")
    return names


if __name__ == "__main__":
    print("\n".join(write(Path(sys.argv[1]))))
