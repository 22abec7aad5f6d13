"""The pictures of the README, from real sessions of the embedded model: ``make pictures``.

``app.svg`` is the app while it draws, ``cli.svg`` a command line. Both show pictures as half
blocks, which become rectangles, since fonts leave gaps between them.
"""

from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.ui import harness
from unipic_tui.events import BackendOptions
from unipic_tui.inference.pipeline import create_backend
from unipic_tui.settings import Settings
from unipic_tui.ui.app import UnipicApp

FOLDER = Path(__file__).parent / "pictures"
APP_SIZE = (120, 36)
CLI_COLUMNS = 96
PROMPT = "a red circle left of a blue square"
COMMANDS = (
    f'generate "{PROMPT}" --seed 1',
    f"describe {PROMPT.replace(' ', '-')}-s1.png",
)

_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_STYLE = re.compile(r"\.([\w-]+-r\d+) \{ fill: (#\w+)")
_CELLS = re.compile(
    r'<text class="([\w-]+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>'
    r"((?:▀|&#160;)*▀(?:▀|&#160;)*)</text>"
)
_BASELINE, _ROW = 18.5, 24.4
"""Pixels from the top of a row of Rich's SVG to its baseline, and between rows."""
_CONTROLS = re.compile(r"\x1b_G[^\x1b]*\x1b\\|\x1b\[\?25[lh]|\x1b\[c|\x1b\[\d+t|\r")
"""What shows nothing: questions to the terminal, the cursor, returns before a line is cleared."""
_MOVES = re.compile(r"(\n|\x1b\[1A|\x1b\[2K)")


async def app() -> str:
    """Draw, edit and ask, then draw again: the screen half way."""
    harness.PATIENCE = 600.0
    with tempfile.TemporaryDirectory() as library:
        shown = UnipicApp(
            settings=Settings(images="blocks", theme="unipic-dark"),
            backend_factory=create_backend,
            options=BackendOptions(device="cpu", preview_seconds=0.0),
            library=Path(library),
        )
        try:
            async with shown.run_test(size=APP_SIZE) as pilot:
                driver = harness.Driver(shown, pilot)
                await driver.until(lambda: shown.state.info is not None)
                await driver.settle_screen()
                await _run(driver, f"{PROMPT} seed=1")
                await driver.press("f6", "e")
                await _run(driver, "make the circle green seed=2")
                await driver.press("f6", "d")
                await _run(driver, "How many squares are there?")
                await driver.press("f2")
                await _run(driver, "three {yellow|purple} stars on a black background seed=7")
                await _run(driver, "a brown ring above a pink cross seed=2", wait=False)
                await driver.until(lambda: _progress(driver) >= 9)
                await driver.flush()
                return shown.export_screenshot(title="unipic-tui")
        finally:
            shown.wind_up()


async def _run(driver: harness.Driver, prompt: str, *, wait: bool = True) -> None:
    driver.screen.composer.prompt.focus()
    driver.screen.composer.prompt.text = ""
    await driver.write(prompt)
    await driver.key("ctrl+r")
    if wait:
        await driver.settle()


def _progress(driver: harness.Driver) -> int:
    """Iterations that the running job has done."""
    steps = (live.progress for live in driver.state.live.values())
    return max((step.iteration for step in steps if step is not None), default=0)


def command_line() -> str:
    """Run commands in a terminal of their own, in an empty folder."""
    console = Console(record=True, width=CLI_COLUMNS, file=io.StringIO())
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), f"unipic-tui {command}"))
            output = _in_terminal(command, folder)
            console.print(Text.from_ansi(output.strip()), soft_wrap=True)
    return console.export_svg(title="unipic-tui")


def _in_terminal(command: str, folder: str) -> str:
    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment |= {"COLUMNS": "61", "LINES": "22", "UNIPIC_DATA": f"{folder}/data"}
    environment["PYTHONPATH"] = str(FOLDER.parents[1])
    process = subprocess.Popen(
        f"{sys.executable} -m unipic_tui {command}",
        shell=True,
        cwd=folder,
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    written = bytearray()
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the program has ended
            break
        written += part
    if process.wait():
        raise SystemExit(written.decode())
    return _settled(_CONTROLS.sub("", written.decode()))


def _settled(output: str) -> str:
    """What stands on the screen once progress has come and gone."""
    lines, row = [""], 0
    for part in _MOVES.split(output):
        match part:
            case "\n":
                row += 1
                lines += [""] * (row == len(lines))
            case "\x1b[1A":
                row -= 1
            case "\x1b[2K":
                lines[row] = ""
            case _:
                lines[row] += part
    return "\n".join(lines)


def standalone(svg: str) -> str:
    """Rich's SVG without fonts from the network, and with half blocks as rectangles."""
    colours = dict(_STYLE.findall(svg))

    def rectangles(found: re.Match[str]) -> str:
        style, x, y, width, escaped = found.groups()
        cells = escaped.replace("&#160;", " ")
        cell, top, height = float(width) / len(cells), float(y) - _BASELINE, _ROW / 2
        return "".join(
            f'<rect fill="{colours[style]}" x="{float(x) + run.start() * cell:.1f}" '
            f'y="{top:.2f}" width="{len(run[0]) * cell + 0.3:.1f}" height="{height:.2f}" '
            'shape-rendering="crispEdges"/>'
            for run in re.finditer("▀+", cells)
        )

    return _CELLS.sub(rectangles, _FONTS.sub("", svg)).replace("Fira Code, monospace", "monospace")


def main() -> None:
    """Make both."""
    FOLDER.mkdir(exist_ok=True)
    for name, svg in (("app", asyncio.run(app())), ("cli", command_line())):
        (FOLDER / f"{name}.svg").write_text(standalone(svg), encoding="utf-8")


if __name__ == "__main__":
    main()
