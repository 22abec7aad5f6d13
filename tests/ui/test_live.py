"""What is shown of a job whose pictures are drawn at once."""

from tests.fakes import FakeBackend, gradient
from unipic_tui.events import BackendOptions, Preview, Progress
from unipic_tui.ui.messages import Worked
from unipic_tui.ui.state import AppState
from unipic_tui.worker import ModelThread


def step(picture: int, iteration: int) -> Progress:
    return Progress(picture, 4, iteration, 2, (True,), 1, 1, None, iteration / 4, together=2)


def test_the_first_of_the_pictures_in_hand_is_followed() -> None:
    thread = ModelThread(lambda _: FakeBackend(), BackendOptions(), lambda *_: None)
    state = AppState(thread, BackendOptions())
    for picture in range(2):
        state.worked(Worked(1, step(picture, 1)))
    pictures = [gradient(16, 16, name) for name in "ab"]
    for picture, image in enumerate(pictures):
        state.worked(Worked(1, Preview(picture, 1, image)))
    live = state.live[1]
    assert live.progress == step(0, 1)
    assert live.preview is pictures[0]
    state.worked(Worked(1, step(0, 2)))
    assert live.progress == step(0, 2)
    for picture, iteration in ((1, 2), (2, 1), (3, 1)):
        state.worked(Worked(1, step(picture, iteration)))
    assert live.progress == step(2, 1)
    assert live.preview is None
