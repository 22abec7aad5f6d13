"""Where the engine's packages are not installed, what needs them is skipped; the rest runs."""

import gc
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest

MISSING = [name for name in ("torch", "transformers") if find_spec(name) is None]


class Module(pytest.Module):
    """A file of tests, skipped where it, or what it tests, imports a package that is missing.

    A test that alone in its file needs one says so with `pytest.importorskip`.
    """

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except self.CollectError as error:
            cause = error.__cause__
            if isinstance(cause, ModuleNotFoundError) and cause.name in MISSING:
                pytest.skip(f"{cause.name} is not installed", allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    return Module.from_parent(parent, path=module_path)


def pytest_sessionstart() -> None:
    """Collect garbage less often: with many widgets about it took a third of the time."""
    gc.set_threshold(20_000, 20, 20)
