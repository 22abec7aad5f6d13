"""The command line on the fake backend, in an empty folder with no settings."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.fakes import Failure, FakeBackend, gradient
from unipic_tui import paths
from unipic_tui.cli import main
from unipic_tui.events import Backend, BackendOptions


@dataclass
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def event(self, kind: str) -> dict[str, Any]:
        (found,) = [event for event in self.events if event["event"] == kind]
        return found


@dataclass
class Cli:
    """Runs commands and keeps the backends they made.

    Attributes:
        fail: how the next backends fail.
        wrap: makes something else of each backend.
    """

    capsys: pytest.CaptureFixture[str]
    fail: Failure | None = None
    wrap: Callable[[FakeBackend], Backend] | None = None
    backends: list[FakeBackend] = field(default_factory=list)

    def __call__(self, *argv: str) -> Result:
        code = main(argv, backend_factory=self._make)
        out, err = self.capsys.readouterr()
        return Result(code, out, err)

    def refuses(self, *argv: str) -> str:
        """Run what cannot work; the one sentence it says. Nothing may be drawn or written."""
        before = sorted(Path().rglob("*"))
        result = self(*argv)
        assert result.code == 2
        assert result.out == ""
        assert result.err.startswith("unipic-tui: ")
        assert result.err.count("\n") == 1
        assert sorted(Path().rglob("*")) == before
        assert not any(backend.jobs for backend in self.backends)
        return result.err.removeprefix("unipic-tui: ").strip()

    @property
    def backend(self) -> FakeBackend:
        return self.backends[-1]

    @property
    def job(self) -> Any:
        (job,) = self.backend.jobs
        return job

    def _make(self, options: BackendOptions) -> Backend:
        backend = FakeBackend(options, fail=self.fail)
        self.backends.append(backend)
        return self.wrap(backend) if self.wrap else backend


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv(paths.DATA_VARIABLE, str(tmp_path / "data"))
    for variable in (paths.CONFIG_VARIABLE, paths.CHECKPOINT_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    return Cli(capsys)


@pytest.fixture
def photo(cli: Cli) -> Path:
    """A picture to edit, 48×32 pixels."""
    path = Path("photo.png")
    gradient(48, 32, "photo").save(path)
    return path


def weights(folder: str | Path, name: str = "model.safetensors") -> Path:
    """A folder that looks like a checkpoint to whoever reads names alone."""
    Path(folder).mkdir(parents=True)
    (Path(folder) / name).write_bytes(b"")
    return Path(folder).absolute()


def files() -> list[str]:
    """What lies in the current folder."""
    return sorted(str(path) for path in Path().iterdir())


def pixels(path: Path | str) -> bytes:
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()


def save_of_size(path: Path, size: tuple[int, int], texts: dict[str, str]) -> None:
    """A PNG whose header says a size, with the pixels of a small one."""
    chunks = PngInfo()
    for name, text in texts.items():
        chunks.add_text(name, text)
    Image.new("RGB", (8, 8)).save(path, pnginfo=chunks)
    data = path.read_bytes()
    header = b"IHDR" + struct.pack(">II", *size) + data[24:29]
    path.write_bytes(data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:])
