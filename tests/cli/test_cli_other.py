"""The program as a whole: help, settings, convert, and opening the app."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, weights
from unipic_tui.errors import CheckpointError
from unipic_tui.events import Loading


@pytest.mark.parametrize(
    "argv",
    [["--help"], ["generate", "--help"], ["g", "-h"], ["edit", "-h"], ["d", "-h"], ["--version"]],
)
def test_help(cli: Cli, argv: list[str]) -> None:
    result = cli(*argv)
    assert result.code == 0
    assert "unipic-tui" in result.out
    assert result.err == ""
    assert max(map(len, result.lines)) <= 80


def test_help_and_bad_input_load_nothing_heavy(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a cat")
    code = (
        "import sys\n"
        "from unipic_tui.cli import main\n"
        "assert main(['--help']) == 0\n"
        "assert main(['generate', '--help']) == 0\n"
        "assert main(['generate', '']) == 2\n"
        "assert main(['replay', 'missing']) == 2\n"
        "assert main(['generate', 'x', '--checkpoint', 'missing']) == 2\n"
        "assert main(['batch', sys.argv[1], '-o', 'out', '--checkpoint', 'missing']) == 2\n"
        "assert main(['convert', 'missing', 'out']) == 2\n"
        "assert main(['eval', 'shapes', '--checkpoint', 'missing']) == 2\n"
        "heavy = {'torch', 'textual', 'transformers', 'numpy', 'rich', 'textual_image'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(prompts)], capture_output=True, text=True, check=True
    )
    # A sentence may need the width of text, which is rich's to know.
    assert done.stderr.splitlines()[-1] in {"[]", "['rich']"}


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["genrate", "x"], "there is no command 'genrate': did you mean \"generate\""),
        (["a red circle"], "there is no command 'a red circle': to draw, use \"generate PROMPT\""),
        (["--wings"], "unrecognized arguments: --wings"),
        (["doctor", "one", "two"], "unrecognized arguments: two"),
        (["edit", "a.png", "x", "--wings", "3"], "unrecognized arguments: --wings"),
        (["--dtype", "int8"], "invalid choice: 'int8'"),
        (["\x1b[31m"], "there is no command '"),
    ],
)
def test_what_is_no_command(cli: Cli, argv: list[str], sentence: str) -> None:
    said = cli.refuses(*argv)
    assert sentence in said
    command = f" {argv[0]}" if argv[0] in {"doctor", "edit"} else ""
    assert f"see unipic-tui{command} --help" in said
    assert "\x1b" not in said


def test_the_module_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unipic_tui", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("unipic-tui ")


def test_output_in_a_locale_without_unicode(tmp_path: Path) -> None:
    """A name that the terminal cannot show does not end the run."""
    done = subprocess.run(
        [sys.executable, "-m", "unipic_tui", "edit", "赤い丸.png", "x"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 2
    assert b"there is no such file" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_leaves() -> None:
    """As in `unipic-tui settings | head -0`: no traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "unipic_tui", "settings"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.wait()


def test_settings_are_shown(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "config" / "unipic-tui" / "settings.toml"
    assert cli("settings", "--path").lines == [str(file)]
    result = cli("settings")
    assert f"{file} does not exist yet" in result.lines[0]
    assert tomllib.loads(result.out)["images"] == "auto"
    assert not file.exists()


def test_settings_are_written_once(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "config" / "unipic-tui" / "settings.toml"
    assert cli("settings", "--write").lines == [str(file)]
    assert tomllib.loads(file.read_text())["images"] == "auto"
    file.write_text('theme = "mine"')
    assert "was left alone" in cli.refuses("settings", "--write")
    assert file.read_text() == 'theme = "mine"'
    assert "are in order" in cli("settings").err
    file.write_text("theme = 3")
    result = cli("settings")
    assert result.code == 2
    assert "'theme'" in result.err


def fake_checkpoint(monkeypatch: pytest.MonkeyPatch, **functions: Any) -> None:
    module = types.ModuleType("unipic_tui.model.checkpoint")
    for name, function in functions.items():
        setattr(module, name, function)
    monkeypatch.setitem(sys.modules, "unipic_tui.model.checkpoint", module)


def test_convert(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Path, Path]] = []

    def convert(source: Path, target: Path) -> Iterator[Loading]:
        seen.append((source, target))
        yield Loading("weights", 1.0)

    fake_checkpoint(monkeypatch, convert=convert)
    weights("in")
    result = cli("convert", "in", "out")
    assert result.code == 0
    assert seen == [(Path("in").absolute(), Path("out").absolute())]
    assert result.lines == [str(Path("out").absolute())]
    events = cli("convert", "in", "out", "--json").events
    assert [event["event"] for event in events] == ["loading", "loading", "finished"]


def test_convert_of_what_is_no_checkpoint(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(source: Path, target: Path) -> Iterator[Loading]:
        yield Loading("weights", 0.0)
        raise CheckpointError(f"{source} holds no checkpoint: name another folder.")

    fake_checkpoint(monkeypatch, convert=convert)
    weights("in")
    assert "holds no checkpoint" in cli.refuses("convert", "in", "out")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the app was opened with."""
    calls: list[dict[str, Any]] = []

    def run_app(**arguments: Any) -> int:
        calls.append(arguments)
        return 3

    module = types.ModuleType("unipic_tui.ui.app")
    module.run_app = run_app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "unipic_tui.ui.app", module)
    monkeypatch.setattr("unipic_tui.cli.app._has_terminal", lambda: True)
    return calls


def test_the_app_opens(cli: Cli, opened: list[dict[str, Any]], tmp_path: Path) -> None:
    assert cli().code == 3
    (call,) = opened
    assert call["options"].checkpoint is None
    assert call["options"].preview_seconds == 1.0
    assert call["library"] is None
    assert call["settings"].images == "auto"
    assert call["backend_factory"](call["options"]) is cli.backend


def test_flags_go_before_settings(cli: Cli, opened: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "config" / "unipic-tui").mkdir(parents=True)
    (tmp_path / "config" / "unipic-tui" / "settings.toml").write_text(
        'theme = "nord"\nimages = "sixel"\nlibrary = "/here"\npreview_seconds = "off"'
    )
    cli()
    assert opened[0]["settings"].theme == "nord"
    assert opened[0]["library"] == Path("/here")
    assert opened[0]["options"].preview_seconds is None
    assert not opened[0]["settings"].text_first
    cli(
        "--theme", "mine", "--images", "blocks", "--library", "there", "--text-first",
        "--checkpoint", str(weights("model")), "--device", "CPU",
    )  # fmt: skip
    settings, options = opened[1]["settings"], opened[1]["options"]
    assert (settings.theme, settings.images, settings.text_first) == ("mine", "blocks", True)
    assert opened[1]["library"] == Path("there").absolute()
    assert (options.checkpoint, options.device) == (Path("model").absolute(), "cpu")


def test_the_app_needs_a_terminal(cli: Cli) -> None:
    assert "The app needs a terminal" in cli.refuses()
