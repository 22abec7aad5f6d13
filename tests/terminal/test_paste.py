"""Bracketed pastes: text, whatever is in them, however they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from textual import events
from textual.message import Message

from tests.terminal.pty_terminal import PtyTerminal
from unipic_tui.terminal.paste import MAX_PASTE, QUIET_SECONDS, PasteParser

START, END = "\x1b[200~", "\x1b[201~"
INSIDE = "a red \x1b[31m circle\n\x1b[A\x12\x11\x1b\x1b[20\x1b[?62c\x1b[200~ end"


def read(parser: PasteParser, *parts: str) -> list[Message]:
    return [message for part in parts for message in parser.feed(part)]


def told(messages: Sequence[Message]) -> list[str]:
    """Keys by name, pastes by their text."""
    return [
        message.key if isinstance(message, events.Key) else f"<{message.text}>"
        for message in messages
        if isinstance(message, events.Key | events.Paste)
    ]


def test_nothing_inside_a_paste_is_a_key() -> None:
    sent = f"x{START}{INSIDE}{END}y"
    for size in (1, 2, 3, 5, 7, len(sent)):
        parts = [sent[at : at + size] for at in range(0, len(sent), size)]
        assert told(read(PasteParser(), *parts)) == ["x", f"<{INSIDE}>", "y"], size


def test_pastes_follow_each_other() -> None:
    sent = f"{START}one{END}{START}{END}{START}two\0{END}"
    assert told(read(PasteParser(), sent)) == ["<one>", "<>", "<two>"]


def test_keys_and_answers_are_read_as_before() -> None:
    assert told(read(PasteParser(), "a\x1b[A\x1b[15~\x1b[", "201~b\x1bOP")) == [
        "a", "up", "f5", "b", "f1",
    ]  # fmt: skip


def test_answers_of_the_terminal_are_no_keys() -> None:
    answers = "\x1b[?62;4c\x1b[6;20;10t\x1b[?1;256S\x1b[?1;0;256S\x1b_Gi=31;OK\x1b\\"
    assert told(read(PasteParser(), f"a{answers}b")) == ["a", "b"]


def test_a_paste_without_an_end_ends_when_nothing_more_comes() -> None:
    now = 100.0
    parser = PasteParser()
    parser.clock = lambda: now
    assert read(parser, f"{START}one\n") == []
    now += 0.9 * QUIET_SECONDS
    assert list(parser.tick()) == []
    assert read(parser, "two\x1b[20") == []
    now += 0.9 * QUIET_SECONDS
    assert list(parser.tick()) == []
    now += 0.2 * QUIET_SECONDS
    assert told(list(parser.tick())) == ["<one\ntwo\x1b[20>"]
    assert list(parser.tick()) == []
    assert told(read(parser, f"1~q{END}r")) == ["1", "tilde", "q", "r"]


def test_of_a_very_large_paste_only_so_much_is_kept() -> None:
    parser = PasteParser()
    assert read(parser, START) == []
    for _ in range(MAX_PASTE // 4096 + 2):
        assert read(parser, "x" * 4096) == []
    (paste,) = read(parser, END)
    assert isinstance(paste, events.Paste)
    assert paste.text == "x" * MAX_PASTE
    assert told(read(parser, "q")) == ["q"]


APP = """
from pathlib import Path
from unipic_tui.terminal.paste import take_pastes_whole
from textual.app import App
from textual.widgets import Input

class Typing(App):
    ENABLE_COMMAND_PALETTE = False

    def on_mount(self):
        self.seen = []
        self._driver.write("\\x1b]0;ready\\x07")

    def on_key(self, event):
        self.seen.append(event.key)
        if event.key == "q":
            self.exit(self.seen)

    def on_paste(self, event):
        self.seen.append(len(event.text))
        Path({file!r}).write_text(event.text, "utf-8", newline="")

app = Typing()
take_pastes_whole()
print("<seen", app.run(), ">")
"""


@pytest.mark.parametrize("text", [INSIDE, "é…" * 20_000], ids=["escapes", "large"])
def test_a_paste_on_a_real_terminal(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pasted"
    with PtyTerminal(APP.format(file=str(file)), home=tmp_path) as pty:
        pty.wait_for("ready")
        pty.type(f"a{START}{text}{END}q")
        assert pty.finish() == 0
        assert f"<seen {['a', len(text), 'q']!r} >" in pty.text
    assert file.read_bytes().decode() == text
