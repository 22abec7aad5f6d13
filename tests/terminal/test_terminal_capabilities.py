"""The app's pictures in a terminal of ours: the very bytes, and what is read from the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.terminal.pty_terminal import PtyTerminal
from unipic_tui.errors import InputError
from unipic_tui.terminal import capabilities
from unipic_tui.terminal.probe import Answers

ESCAPES = re.compile(rb"\x1b[P_][^\x1b]*\x1b\\|\x1b\[[0-9;?<>=]*[a-zA-Z]")

REPORT = """
import os
{before}
from unipic_tui.terminal.capabilities import *
prepare_terminal()
print("<", detect_protocol("auto"), cell_size(), terminal_answers(), ">")
"""

APP = """
import os
from pathlib import Path
{before}
from unipic_tui.terminal.capabilities import prepare_terminal, detect_protocol
prepare_terminal()
protocol = detect_protocol({requested!r})
from textual.app import App
from textual.widgets import Input
from unipic_tui.terminal.paste import take_pastes_whole
from unipic_tui.ui.widgets.picture_view import PictureView

class Showing(App):
    BINDINGS = [("f2", "next", ""), ("f3", "leave", "")]
    shown = 0

    def compose(self):
        yield PictureView()
        yield Input()

    def on_mount(self):
        self.query_one(Input).focus()
        self.view = self.query_one(PictureView)
        self.view.protocol = protocol
        self.paths = [Path(path) for path in {paths!r}]
        self.view.show_file(self.paths[0])
        {mounted}

    def on_picture_view_shown(self):
        self.shown += 1
        self._driver.write(f"\\x1b]0;shown {{self.shown}}\\x07")

    def action_next(self):
        self.view.show_file(self.paths[1])

    def action_leave(self):
        self.exit(self.query_one(Input).value)

showing = Showing()
take_pastes_whole()
typed = showing.run()
print(f"<typed {{typed!r}}>")
"""


def app(*paths: Path, requested: str = "auto", before: str = "", mounted: str = "pass") -> str:
    return APP.format(
        paths=[str(path) for path in paths], requested=requested, before=before, mounted=mounted
    )


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    path = tmp_path / "noise.png"
    bands = [Image.effect_noise((200, 200), 90) for _ in range(3)]
    Image.merge("RGB", bands).save(path)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.png"
    Image.new("RGB", (64, 64), (200, 30, 40)).save(path)
    return path


# what is read


def report(tmp_path: Path, before: str = "", **how: object) -> str:
    with PtyTerminal(REPORT.format(before=before), home=tmp_path, **how) as pty:  # type: ignore[arg-type]
        assert pty.finish() == 0
        return pty.text


def test_a_kitty_terminal_is_known(tmp_path: Path) -> None:
    assert "< kitty (10, 20)" in report(tmp_path, kitty=True)


def test_sixels_come_before_kitty_graphics(tmp_path: Path) -> None:
    text = report(tmp_path, kitty=True, sixel=True)
    assert "< sixel (10, 20)" in text
    assert "colours=256" in text
    assert "sixel_width=1000" in text


def test_any_other_terminal_shows_blocks(tmp_path: Path) -> None:
    assert "< blocks (10, 20)" in report(tmp_path)


def test_a_slow_answer_is_waited_for(tmp_path: Path) -> None:
    assert "< kitty" in report(tmp_path, kitty=True, delay=0.4)


def test_the_terminal_itself_is_asked_for_its_cells(tmp_path: Path) -> None:
    text = report(
        tmp_path,
        pixels=False,
        before="import unipic_tui.terminal.capabilities as t\nt.DEFAULT_CELL = (1, 1)",
    )
    assert "< blocks (10, 20)" in text


def test_in_tmux_blocks_are_shown_and_kitty_is_not_asked_for(tmp_path: Path) -> None:
    text = report(tmp_path, kitty=True, sixel=True, environment={"TMUX": "/tmp/tmux,1,0"})
    assert "< blocks" in text
    assert "\x1b_G" not in text


def test_few_colours_are_raised(tmp_path: Path) -> None:
    with PtyTerminal(REPORT.format(before=""), sixel=True, colours=16, home=tmp_path) as pty:
        pty.finish()
        assert "\x1b[?1;3;256S" in pty.text
        assert "colours=16" in pty.text


def test_a_terminal_that_is_no_terminal_is_not_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert capabilities.detect_protocol("kitty") == "kitty"
    assert capabilities.detect_protocol("none") == "none"
    assert capsys.readouterr() == ("", "")


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(InputError, match="auto, kitty, sixel, blocks, none"):
        capabilities.detect_protocol("iterm")


def test_cells_fall_back_to_what_the_terminal_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "_measured_cell", lambda: None)
    monkeypatch.setattr(capabilities._Terminal, "answers", Answers(cell=(7, 15)))
    assert capabilities.cell_size() == (7, 15)
    monkeypatch.setattr(capabilities._Terminal, "answers", None)
    monkeypatch.setenv("TEXTUAL_CELL_WIDTH", "8")
    monkeypatch.setenv("TEXTUAL_CELL_HEIGHT", "16")
    assert capabilities.cell_size() == (8, 16)
    monkeypatch.setenv("TEXTUAL_CELL_HEIGHT", "high")
    assert capabilities.cell_size() == capabilities.DEFAULT_CELL


# what is prepared


def test_the_environment_is_prepared(tmp_path: Path) -> None:
    code = REPORT + (
        'print(os.environ.get("TEXTUAL_COLOR_SYSTEM"))\n'
        'import sys; print("textual" in sys.modules, "torch" in sys.modules)'
    )
    with PtyTerminal(code.format(before=""), kitty=True, home=tmp_path) as pty:
        pty.finish()
        assert "truecolor" in pty.text
        assert "False False" in pty.text


def test_a_plain_terminal_keeps_its_colours(tmp_path: Path) -> None:
    code = REPORT + 'print(os.environ.get("TEXTUAL_COLOR_SYSTEM"))'
    with PtyTerminal(code.format(before=""), home=tmp_path) as pty:
        pty.finish()
        assert "None" in pty.text


def test_what_c_code_says_goes_to_a_file(tmp_path: Path) -> None:
    code = REPORT + (
        'import sys; os.write(2, b"from C\\n"); print("from Python", file=sys.stderr)\n'
        'print("kept", file=sys.__stderr__)'
    )
    with PtyTerminal(code.format(before=""), home=tmp_path) as pty:
        pty.finish()
        assert "from Python" in pty.text
        assert "kept" in pty.text
        assert "from C" not in pty.text
    logs = [path.read_text() for path in (tmp_path / "data").rglob("*.log")]
    assert "from C\n" in logs


# what is written


def test_kitty_pictures_are_sent_shown_and_freed(tmp_path: Path, noise: Path, plain: Path) -> None:
    with PtyTerminal(app(noise, plain), kitty=True, home=tmp_path) as pty:
        pty.wait_for("shown 1")
        held = pty.kitty_state()
        (first,) = held.images
        assert held.picture(first).tobytes() == Image.open(noise).tobytes()
        assert pty.placeholder_ids() == {first}
        pty.type("\x1bOQ")
        pty.wait_for("shown 2")
        pty.wait_until(lambda: pty.kitty_state().freed == [first])
        (second,) = pty.kitty_state().images
        assert pty.placeholder_ids() == {first, second}
        pty.type("\x1bOR")
        assert pty.finish() == 0
        end = pty.kitty_state()
        assert not end.images
        assert end.most == 2
        assert "<typed ''>" in pty.text


def test_sixel_colours_are_defined_before_the_first_pixel(tmp_path: Path, noise: Path) -> None:
    with PtyTerminal(app(noise), sixel=True, home=tmp_path) as pty:
        pty.wait_for("shown 1")
        pty.type("\x1bOR")
        assert pty.finish() == 0
        bands = re.findall(r'\x1bP[\d;]*q"1;1;(\d+);(\d+)([^\x1b]*)\x1b\\', pty.text)
        assert "<typed ''>" in pty.text
    heights = {int(height) for _, height, _ in bands}
    assert max(heights) % 20 == 0
    assert sum(int(height) for _, height, _ in bands) >= 20 * 20
    for _, _, body in bands:
        definitions, pixels = re.fullmatch(r"((?:#\d+;2;\d+;\d+;\d+)+)(.*)", body, re.S).groups()  # type: ignore[union-attr]
        assert ";" not in pixels
        defined = set(re.findall(r"#(\d+);", definitions))
        assert set(re.findall(r"#(\d+)", pixels)) <= defined


def test_late_answers_are_not_typed(tmp_path: Path, plain: Path) -> None:
    impatient = (
        "from unipic_tui.terminal import probe\nprobe.ask_terminal.__kwdefaults__['wait'] = 0.2"
    )
    with PtyTerminal(
        app(plain, before=impatient), kitty=True, delay=1.5, pixels=False, home=tmp_path
    ) as pty:
        pty.wait_for("shown 1")
        pty.wait_until(lambda: pty.answered >= 3)
        pty.type("x")
        pty.wait_until(lambda: b"x" in ESCAPES.sub(b"", bytes(pty.output)))
        pty.type("\x1bOR")
        assert pty.finish() == 0
        assert "<typed 'x'>" in pty.text


def test_in_tmux_kitty_is_wrapped_when_forced(tmp_path: Path, plain: Path) -> None:
    environment = {"TMUX": "/tmp/tmux,1,0"}
    with PtyTerminal(app(plain, requested="kitty"), environment=environment, home=tmp_path) as pty:
        pty.wait_for("shown 1")
        pty.type("\x1bOR")
        assert pty.finish() == 0
        text = pty.text
    assert "\x1bPtmux;\x1b\x1b_Gi=" in text
    assert "\x1b_G" not in text.replace("\x1b\x1b_G", "")
    assert "\x1b\x1b_Ga=d,d=I,i=" in text


def test_typing_goes_between_the_parts_of_a_picture(tmp_path: Path, noise: Path) -> None:
    with PtyTerminal(app(noise), kitty=True, rate=60_000, home=tmp_path) as pty:
        pty.wait_until(lambda: b"f=100" in pty.output)
        pty.type("Q")
        pty.wait_for("shown 1", 60)
        sent = bytes(pty.output)
        pty.type("\x1bOR")
        pty.finish()
        assert "<typed 'Q'>" in pty.text
    beginning = sent.index(b"\x1b_Gi=", sent.index(b"q=2,m=1"))
    end = sent.rindex(b"\x1b_Gi=", 0, sent.rindex(b",m=0;"))
    assert b"Q" in ESCAPES.sub(b"", sent[beginning:end])
