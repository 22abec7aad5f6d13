"""Work with Skywork UniPic, a unified image model, from a terminal or a notebook."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unipic_tui.api import UniPic

__all__ = ["UniPic", "__version__"]
__version__ = "0.1.0"

# OpenMP reads it when torch is loaded. Threads that spin while they wait for each other crawl as
# soon as another process wants the processor.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if not TYPE_CHECKING:  # or else a type checker would believe in every name

    def __getattr__(name: str) -> object:
        """`UniPic` when it is first asked for, since torch is slow to load."""
        if name == "UniPic":
            return importlib.import_module("unipic_tui.api").UniPic
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
