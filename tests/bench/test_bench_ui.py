"""The measurement of the app's fluidity, in a process of its own since it forks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import dataclasses, json
from tests.fakes import FakeBackend
from unipic_tui.events import BackendOptions
from unipic_tui.settings import Settings
from unipic_tui.bench.ui import bench

result = bench(
    lambda options: FakeBackend(options, delay=0.01),
    BackendOptions(preview_seconds=0.1),
    Settings(images="blocks"),
    seconds=1.0,
    size=(100, 30),
    pause=0.3,
)
print(json.dumps(dataclasses.asdict(result)))
"""


def test_the_bench_measures_lag_and_echo() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    names = [spread["name"] for spread in result["spreads"]]
    assert names == ["event loop, nothing to do", "event loop, drawing", "a key's echo, drawing"]
    for spread in result["spreads"]:
        assert 0 <= spread["median"] <= spread["p99"] <= spread["worst"]
        assert spread["count"] > 3
    assert result["bytes_per_second"] > 0
