"""Nothing lost: a process is killed at 200 random moments of its work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

KILLS = 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    script = Path(__file__).with_name("killing.py")
    done: Counter[str] = Counter()
    # Once, but for machines so busy that nearly every child is killed before it has begun.
    for number in range(4):
        seed = int.from_bytes(os.urandom(4))
        folder = tmp_path / f"library-{number}"
        run = subprocess.run(
            [sys.executable, str(script), str(folder), str(KILLS), str(seed)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
        assert run.returncode == 0, run.stderr
        report = json.loads(run.stdout)
        assert report.pop("faults") == [], f"seed {seed}"
        assert report["kills"] == KILLS
        done.update(report)
        # That much was done and reported in between, or the test shows nothing.
        if done["saved"] > 20 and done["acts"] > KILLS:
            return
    pytest.fail(f"too little was done between the kills: {done}")
