"""A wheel holds what browsers get: it is built first where it isn't there yet."""

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """What hatch calls before it packs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable install packs nothing, and has its own rule in the Makefile."""
        del build_data
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from frontend import bundle  # noqa: PLC0415 - only hatch knows where this lies

        if not bundle.MANIFEST.is_file():
            bundle.build()
