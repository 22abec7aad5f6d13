"""Nothing lost: a process is killed at 200 random moments of its work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    script = Path(__file__).with_name("killing.py")
    seed = int.from_bytes(os.urandom(4))
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "library"), str(KILLS), str(seed)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["faults"] == [], f"seed {seed}"
    assert report["kills"] == KILLS
    # That much was done and reported in between, or the test shows nothing.
    assert report["saved"] > 20, report
    assert report["acts"] > KILLS, report
