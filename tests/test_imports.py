"""Imports go one way, and heavy packages load only where they are needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "textual", "textual_image", "numpy")


def loaded_by(statement: str) -> set[str]:
    """Heavy packages that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*(set({HEAVY!r}) & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    return set(done.stdout.split())


def test_the_import_contracts_hold() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert command is not None, "install the test extra: pip install '.[test]'"
    done = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "module", ["ui.app", "worker", "library", "jobs", "events", "settings", "metadata", "cli"]
)
def test_torch_is_not_loaded_by(module: str) -> None:
    assert not {"torch", "transformers"} & loaded_by(f"import unipic_tui.{module}")


@pytest.mark.parametrize("module", ["model.unipic", "inference.pipeline", "worker", "library"])
def test_textual_is_not_loaded_by(module: str) -> None:
    if module.startswith(("model", "inference")):
        pytest.importorskip("torch")
    assert not {"textual", "textual_image"} & loaded_by(f"import unipic_tui.{module}")


def test_the_program_starts_light() -> None:
    assert loaded_by("import unipic_tui, unipic_tui.__main__") == set()


def test_drawing_loads_no_compiler() -> None:
    pytest.importorskip("torch")
    code = (
        "from unipic_tui.events import BackendOptions\n"
        "from unipic_tui.inference.pipeline import create_backend\n"
        "from unipic_tui.jobs import GenerateJob\n"
        "job = GenerateJob(prompt='a', iterations=1, quality='fast')\n"
        "events = list(create_backend(BackendOptions()).run(job))\n"
        "print(type(events[-1]).__name__)\n"
        "import sys\n"
        "print(*({'transformers', 'sympy', 'torch._dynamo', 'torch._inductor'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.split() == ["Finished"]


def test_idle_threads_sleep_wherever_torch_is_loaded_after_us() -> None:
    code = "import os, unipic_tui; print(os.environ['OMP_WAIT_POLICY'])"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.split() == ["passive"]
