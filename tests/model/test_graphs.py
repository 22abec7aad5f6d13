"""Recording and replaying, with plain calls in place of CUDA graphs."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.inference.test_sampling import SETTINGS, draw
from tests.tiny import make_model
from unipic_tui.model import graphs
from unipic_tui.model.graphs import Graphs, graphs_for, record_plain


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


class Recorder:
    """Counts what is recorded and replayed."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, stretch: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        self.recorded += 1
        replay, result = record_plain(stretch)

        def counted() -> None:
            self.replayed += 1
            replay()

        return counted, result


def test_pictures_are_the_same_replayed() -> None:
    model = make_model()
    expected = [draw(model, [seed]).tokens for seed in (3, 4, 5)]
    recorder = Recorder()
    model.graphs = Graphs(recorder)
    for seed, tokens in zip((3, 4, 5), expected, strict=True):
        torch.testing.assert_close(draw(model, [seed]).tokens, tokens, rtol=1e-3, atol=1e-3)
    # The head's rows fit one recording, made in the second of 12 iterations and tried at once.
    assert recorder.recorded >= 1
    assert recorder.replayed >= 11


def test_a_stretch_is_recorded_when_it_comes_again() -> None:
    recorder = Recorder()
    runs = Graphs(recorder)
    results = [runs.run(torch.square, (torch.full((2,), float(n)),), "square") for n in range(5)]
    assert [float(each[0]) for each in results] == [0, 1, 4, 9, 16]
    assert (recorder.recorded, recorder.replayed) == (1, 1 + 3)
    runs.run(torch.square, (torch.ones(3),), "square")
    runs.run(torch.square, (torch.ones(2),), "another")
    assert recorder.recorded == 1


def test_what_cannot_be_recorded_goes_on_plainly(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_: Callable[[], Tensor]) -> Any:
        raise RuntimeError("operation not permitted\nand more")

    runs = Graphs(refuse)
    with caplog.at_level(logging.WARNING):
        for n in range(4):
            assert float(runs.run(torch.square, (torch.tensor(float(n)),), "square")) == n * n
    assert not runs.active
    assert caplog.messages == ["CUDA graphs are not used: operation not permitted"]


def test_a_recording_that_draws_something_else_is_not_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def wrong(stretch: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        return lambda: None, stretch() + 1

    runs = Graphs(wrong)
    for n in range(1, 5):
        assert float(runs.run(torch.square, (torch.tensor(float(n)),), "square")) == n * n
    assert caplog.messages == ["CUDA graphs are not used: its result is another"]


def test_the_oldest_recordings_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "_KEPT", 2)
    recorder = Recorder()
    runs = Graphs(recorder)
    for key in ("a", "a", "b", "b", "a", "c", "a", "b", "b"):
        runs.run(torch.square, (torch.ones(2),), key)
    assert recorder.recorded == 3  # b once more, as it was not used for longest


def test_they_are_off_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cpu = torch.device("cpu")
    monkeypatch.delenv(graphs.VARIABLE, raising=False)
    assert not graphs_for(cpu).active
    assert not caplog.messages
    monkeypatch.setenv(graphs.VARIABLE, "1")
    assert not graphs_for(cpu).active
    assert caplog.messages == ["CUDA graphs are not used: the model runs on cpu"]


def test_nothing_is_copied_or_filled_up_without_them() -> None:
    model = make_model()
    seen: list[int] = []
    sample = model.mar.diffloss.sample

    def watching(z: Tensor, start: Tensor, *arguments: Any, **options: Any) -> Tensor:
        seen.append(len(start))
        return sample(z, start, *arguments, **options)

    model.mar.diffloss.sample = watching  # type: ignore[method-assign]
    draw(model, [1], SETTINGS)
    assert sum(seen) == 16
    seen.clear()
    model.graphs = Graphs(record_plain)
    draw(model, [1], SETTINGS)
    assert set(seen) == {graphs.ROWS}
