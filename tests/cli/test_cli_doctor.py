"""unipic-tui doctor, on computers and checkpoints that are made up."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from unipic_tui import paths
from unipic_tui.cli import doctor as checks
from unipic_tui.defaults import Defaults
from unipic_tui.errors import CheckpointError, DeviceError
from unipic_tui.events import Memory

GB = 10**9
MEMORY = Memory(GB, 16 * GB)


@dataclass(frozen=True)
class Config:
    """Stands for the sizes of its model."""

    defaults: Defaults = field(default_factory=Defaults)


@dataclass(frozen=True)
class Report:
    """Stands for the engine's report on a checkpoint."""

    kind: str = "native"
    name: str = "nano"
    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshapen: tuple[str, ...] = ()
    parameters: int = 5_300_000
    bytes: int = 11_000_000
    has_siglip2: bool = True
    peak: int = GB
    config: Config = field(default_factory=Config)

    def peak_memory(self, width: int, height: int, value_bytes: int = 2) -> int:
        return self.peak * width // 512 * value_bytes // 2


class Machine:
    """What doctor finds.

    Attributes:
        report: on the checkpoint, or the error of looking at it.
        asked: the folder that was looked at.
    """

    def __init__(self) -> None:
        self.report: Report | Exception = Report()
        self.asked: Path | None = None

    def inspect(self, path: Path) -> Report:
        self.asked = path
        if isinstance(self.report, Exception):
            raise self.report
        return self.report


@pytest.fixture
def machine(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    module = types.ModuleType("unipic_tui.model.checkpoint")
    module.inspect = found.inspect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "unipic_tui.model.checkpoint", module)
    monkeypatch.setattr(checks, "_value_bytes", lambda dtype, *_: 4 if dtype == "float32" else 2)
    return found


def fake_torch(monkeypatch: pytest.MonkeyPatch, kind: str = "cpu", memory: Memory = MEMORY) -> None:
    """A torch without and an engine with a device of a kind, to which ``:N`` adds an index."""
    torch: Any = types.ModuleType("torch")
    torch.__version__ = "2.9"
    torch.get_num_threads = lambda: 2
    torch.cuda = types.SimpleNamespace(get_device_name=lambda _: "NVIDIA H100")
    monkeypatch.setitem(sys.modules, "torch", torch)

    def choose(name: str) -> Any:
        found, _, index = (kind if name == "auto" else name).partition(":")
        if found != kind:
            raise DeviceError(f"There is no {name} here.")
        return types.SimpleNamespace(type=found, index=int(index) if index else None)

    engine: Any = types.ModuleType("unipic_tui.inference.engine")
    engine.choose_device, engine.device_memory = choose, lambda _: memory
    monkeypatch.setitem(sys.modules, "unipic_tui.inference.engine", engine)
    installed, ours = metadata.version, {"torch": "2.9", "transformers": "5.1"}
    monkeypatch.setattr(metadata, "version", lambda name: ours.get(name) or installed(name))


@pytest.fixture(autouse=True)
def plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_torch(monkeypatch)


def test_all_is_well(cli: Cli, machine: Machine) -> None:
    result = cli("doctor")
    assert result.code == 0, result.out
    assert machine.asked == paths.EMBEDDED_CHECKPOINT
    for line in (
        r"^ok +Python +3\.",
        r"^ok +Packages +.*\btorch 2\.9\b",
        r"^ok +Packages +.*\btransformers 5\.1\b",
        r"^ok +Settings +none at .*settings\.toml",
        r"^ok +PyTorch +2\.9, 2 CPU threads",
        r"^ok +Device +cpu, 16\.0 GB memory",
        r"^ok +Checkpoint +the embedded one: nano \(native\), 5\.3 million parameters, 11 MB",
        r"^ok +Memory +Drawing takes about 1\.0 GB at 512×512, about 2\.0 GB at 1024×1024",
        r"^ok +Library +.*data, .* free",
        r"^note +Terminal +The output is no terminal",
    ):
        assert re.search(line, result.out, re.MULTILINE), line
    assert result.lines[-1] == "Everything works."
    assert result.err == ""


@pytest.mark.parametrize("argv", [["folder"], ["--checkpoint", "folder"]])
def test_a_folder_can_be_named(cli: Cli, machine: Machine, argv: list[str]) -> None:
    machine.report = Report(name="unipic-1.5b", kind="published", parameters=2_900_000_000)
    result = cli("doctor", *argv)
    assert machine.asked == Path("folder").absolute()
    assert "folder: unipic-1.5b (published), 2.90 billion parameters" in result.out


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (replace(Report(), missing=("a.weight",)), r"1 key is missing: a\.weight\."),
        (
            replace(Report(), unexpected=tuple(f"k{n}" for n in range(20))),
            r"20 keys are unexpected: k0, .*, k7 and 12 more\.",
        ),
        (replace(Report(), misshapen=("a", "b")), r"2 keys are misshapen: a, b\."),
        (replace(Report(), problems=("kl16.ckpt is missing.",)), r"kl16\.ckpt is missing\."),
        (CheckpointError("There is no checkpoint in /x."), r"There is no checkpoint in /x\."),
    ],
)
def test_a_checkpoint_that_does_not_fit(
    cli: Cli, machine: Machine, report: Report | Exception, sentence: str
) -> None:
    machine.report = report
    result = cli("doctor", "folder")
    assert result.code == 1
    assert re.search(rf"^fails +Checkpoint +{sentence}$", result.out, re.MULTILINE)
    assert "→ Download it again, or name another folder." in result.out
    assert result.lines[-1] == "1 thing needs your attention."
    assert "Memory" not in result.out


def test_every_fault_is_listed(cli: Cli, machine: Machine) -> None:
    machine.report = Report(missing=("a",), unexpected=("b",), problems=("c is cut short.",))
    result = cli("doctor")
    assert result.lines[-1] == "3 things need your attention."


def test_hostile_keys_are_shown_harmless(cli: Cli, machine: Machine) -> None:
    machine.report = Report(unexpected=("\x1b[31mx",))
    assert "␛[31mx" in cli("doctor").out


def test_too_little_memory(cli: Cli, machine: Machine) -> None:
    machine.report = Report(peak=20 * GB)
    result = cli("doctor")
    assert result.code == 1
    assert re.search(r"^fails +Memory +.* cpu has 16\.0 GB", result.out, re.MULTILINE)
    machine.report = Report(peak=10 * GB)
    result = cli("doctor")
    assert result.code == 0
    assert re.search(r"^note +Memory", result.out, re.MULTILINE)
    assert "→ Draw at less than 1024 pixels." in result.out
    assert cli("doctor", "--dtype", "float32").code == 1


def test_only_sizes_that_the_checkpoint_draws(cli: Cli, machine: Machine) -> None:
    small = Config(Defaults(width=64, height=64))
    machine.report = Report(config=small, peak=10 * GB)
    assert re.search(r"Memory +Drawing takes about 1\.2 GB at 64×64\.", cli("doctor").out)
    machine.report = Report(config=small, peak=200 * GB)
    assert re.search(r"^fails +Memory", cli("doctor").out, re.MULTILINE)


def test_no_siglip2(cli: Cli, machine: Machine) -> None:
    machine.report = Report(has_siglip2=False)
    result = cli("doctor")
    assert result.code == 0
    assert "no SigLIP2 tower" in result.out


def test_cuda(cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_torch(monkeypatch, "cuda", Memory(10 * GB, 80 * GB))
    assert "cuda:0, NVIDIA H100, 70.0 GB of 80.0 GB free" in cli("doctor").out
    assert "cuda:1, NVIDIA H100" in cli("doctor", "--device", "cuda:1").out


def test_a_device_that_is_not_there(cli: Cli, machine: Machine) -> None:
    result = cli("doctor", "--device", "cuda:2")
    assert result.code == 1
    assert re.search(r"^fails +Device +There is no cuda:2 here\.$", result.out, re.MULTILINE)
    assert re.search(r"^note +Memory", result.out, re.MULTILINE)


def test_an_apple_gpu(cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_torch(monkeypatch, "mps")
    assert "mps, 16.0 GB memory" in cli("doctor").out


def test_memory_that_nobody_tells(
    cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_torch(monkeypatch, memory=Memory(0, 0))
    assert "cpu, memory unknown" in cli("doctor").out


def test_no_torch(cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = cli("doctor")
    assert result.code == 1
    assert re.search(r"^fails +PyTorch +It cannot be loaded", result.out, re.MULTILINE)


def test_packages(cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        checks, "_requirements", lambda: [("pillow", "999"), ("no-such-thing", "1")]
    )
    result = cli("doctor")
    assert result.code == 1
    assert re.search(r"pillow \S+ is older than 999\.\n +→ pip install \"pillow>=999\"", result.out)
    assert "no-such-thing is not installed." in result.out


def test_bad_settings(cli: Cli, machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "config" / "unipic-tui").mkdir(parents=True)
    (tmp_path / "config" / "unipic-tui" / "settings.toml").write_text("wings = 2")
    result = cli("doctor")
    assert result.code == 1
    assert re.search(r"^fails +Settings +There is no setting 'wings'", result.out, re.MULTILINE)
    assert machine.asked == paths.EMBEDDED_CHECKPOINT  # the rest is still looked at


def test_a_library_that_cannot_be_written(
    cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(paths.DATA_VARIABLE, str(tmp_path / "file" / "deeper"))
    result = cli("doctor")
    assert result.code == 1
    assert re.search(r"^fails +Library +.* cannot be written to", result.out, re.MULTILINE)


def test_little_room(cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = types.SimpleNamespace(free=999_999_999)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    result = cli("doctor")
    assert result.code == 0
    assert "999 MB free" in result.out
    assert "→ Make room" in result.out


@pytest.mark.parametrize(("free", "shown"), [(0, "0 MB"), (999_999, "0 MB"), (9_999_999, "9 MB")])
def test_no_room(
    cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch, free: int, shown: str
) -> None:
    usage = types.SimpleNamespace(free=free)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    result = cli("doctor")
    assert result.code == 1
    assert f"{shown} free on its disk" in result.out
    assert "fails  Library" in result.out


def test_json(cli: Cli, machine: Machine) -> None:
    machine.report = Report(missing=("a",))
    result = cli("doctor", "--json")
    assert result.code == 1
    events = result.events
    failed = [event for event in events if event.get("state") == "fails"]
    assert [event["name"] for event in failed] == ["Checkpoint"]
    assert events[-1] == {"event": "finished", "failures": 1}
