"""Which process does what, and where."""

import os
from pathlib import Path

import pytest
import torch

from unipic_tui.batch.ranks import Others, Ranks

LAUNCHED = {"RANK": "2", "WORLD_SIZE": "3", "LOCAL_RANK": "1"}


def test_the_launcher_says_who_we_are() -> None:
    assert Ranks.from_environment(LAUNCHED) == Ranks(2, 3, 1)
    assert Ranks.from_environment({}) == Ranks(0, 1, 0)
    assert Ranks.from_environment({**LAUNCHED, "RANK": "3"}) == Ranks(0, 1, 0)
    assert Ranks.from_environment({"RANK": "2"}) == Ranks(0, 1, 0)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_every_item_has_one_owner(count: int) -> None:
    for index in range(20):
        assert sum(Ranks(rank, count).owns(index) for rank in range(count)) == 1


@pytest.mark.parametrize(
    ("name", "gpus", "device"),
    [
        ("auto", True, "cuda:1"),
        ("cuda", True, "cuda:1"),
        ("cuda:0", True, "cuda:0"),
        ("cpu", True, "cpu"),
        ("auto", False, "auto"),
        ("cuda", False, "cuda"),
    ],
)
def test_each_process_has_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, name: str, gpus: bool, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus)
    assert Ranks(2, 3, 1).device(name) == device
    assert Ranks().device(name) == name


@pytest.mark.parametrize(("redo", "counted"), [(False, 2), (True, 1)])
def test_others_are_counted_by_their_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redo: bool, counted: int
) -> None:
    now = 0.0
    monkeypatch.setattr("unipic_tui.batch.ranks.time.monotonic", lambda: now)
    (tmp_path / "1.json").touch()
    os.utime(tmp_path / "1.json", (1, 1))
    others = Others(tmp_path, ["1.json", "3.json", "5.json"], redo=redo)
    assert others.done() == counted - 1
    (tmp_path / "3.json").touch()
    (tmp_path / "4.json").touch()
    assert others.done() == counted - 1  # it does not look again at once
    now += 2
    assert others.done() == counted
