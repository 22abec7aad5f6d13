"""Weight files: pickled or safetensors, one or sharded, read lazily and never trusted."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from unipic_tui.errors import CheckpointError
from unipic_tui.files import read_bytes, shown_path

Shapes = dict[str, tuple[int, ...]]
_JSON_LIMIT = 64_000_000


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The files that together hold one state dict."""

    files: tuple[Path, ...]

    def shapes(self) -> Shapes:
        """Names and shapes of the floating-point entries; weights stay on the disk."""
        found: Shapes = {}
        for path in self.files:
            if path.suffix == ".safetensors":
                with _Opened(path) as file:
                    for key in file.keys():  # noqa: SIM118 - the file is no mapping
                        part = file.get_slice(key)
                        if str(part.get_dtype()).startswith(("F", "BF")):
                            found[key] = tuple(part.get_shape())
            else:
                found |= {key: tuple(value.shape) for key, value in _unpickle(path).items()}
        return found

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Names and values of the floating-point entries, mapped to the file where it allows."""
        for path in self.files:
            if path.suffix == ".safetensors":
                with _Opened(path) as file:
                    for key in file.keys():  # noqa: SIM118
                        value = file.get_tensor(key)
                        if value.is_floating_point():
                            yield key, value
            else:
                yield from _unpickle(path).items()


def find_weights(folder: Path, names: Sequence[str]) -> WeightFiles | None:
    """The first of ``names`` (patterns) that is there, whole or sharded with an index.

    Raises:
        CheckpointError: an index names files that are not there.
    """
    for name in names:
        for index in sorted(folder.glob(f"{name}.index.json")):
            return WeightFiles(_shards(index))
        found = sorted(path for path in folder.glob(name) if path.is_file())
        if found:
            return WeightFiles((found[0],))
    return None


def _shards(index: Path) -> tuple[Path, ...]:
    table = read_json(index).get("weight_map")
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise CheckpointError(f"The index {shown_path(index)} names no files: download it again.")
    names = sorted(set(table.values()))
    foreign = [name for name in names if Path(name).name != name]
    if foreign:
        raise CheckpointError(
            f"The index {shown_path(index)} names a file outside its folder: it cannot be trusted."
        )
    lacking = [name for name in names if not (index.parent / name).is_file()]
    if lacking:
        raise CheckpointError(
            f"{shown_path(index.parent)} lacks {', '.join(lacking)}, which {index.name} names: "
            "download it again."
        )
    return tuple(index.parent / name for name in names)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        CheckpointError: it holds none.
        StorageError: it cannot be read.
    """
    try:
        data = json.loads(read_bytes(path, _JSON_LIMIT))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise CheckpointError(f"{shown_path(path)} is no JSON object: download it again.")
    return data


class _Opened:
    """`safe_open` with its errors as sentences."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Any:
        try:
            self._file: Any = safe_open(str(self.path), framework="pt", device="cpu")
            return self._file.__enter__()
        except (SafetensorError, OSError) as error:
            raise _unreadable(self.path, error) from None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._file.__exit__(kind, error, trace)
        if isinstance(error, SafetensorError | OSError):
            raise _unreadable(self.path, error) from None


def _unpickle(path: Path) -> dict[str, Tensor]:
    """The floating-point tensors of a pickled state dict; code in it is refused, never run."""
    if not path.is_file():
        raise CheckpointError(f"The file {shown_path(path)} is missing: download it again.")
    try:
        # Files of torch before 1.6 are no zip archives and cannot be mapped.
        mapped = zipfile.is_zipfile(path)
        data = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        if "unsupported global" in str(error).lower():
            raise CheckpointError(
                f"{shown_path(path)} holds more than weights, code perhaps, and was not loaded: "
                "get the file from where its makers published it."
            ) from None
        raise _unreadable(path, ValueError("no pickled weights")) from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise _unreadable(path, error) from None
    if isinstance(data, dict):
        for inner in ("model", "state_dict", "module"):
            if isinstance(data.get(inner), dict):
                data = data[inner]
    if not isinstance(data, dict):
        raise CheckpointError(f"{shown_path(path)} holds no state dict: it is another file.")
    return {
        key: value
        for key, value in data.items()
        if isinstance(key, str) and isinstance(value, Tensor) and value.is_floating_point()
    }


def _unreadable(path: Path, error: BaseException) -> CheckpointError:
    reason = (
        str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
    )
    return CheckpointError(
        f"{shown_path(path)} cannot be read as weights, it is damaged or another kind of file "
        f"({reason}): download it again."
    )
