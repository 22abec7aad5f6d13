"""Checkpoints on disk and the models they become.

Two layouts are read. *Published*: the folder as downloaded, with ``pytorch_model.bin`` (or Harmon's
``harmon_*.pth``, or safetensors, sharded or not), ``kl16.ckpt`` and Qwen's folder. *Native*: what
`unipic_tui.model.native` writes, one ``model.safetensors`` with ``config.json`` and
``tokenizer.json``. Either may hold a ``generation_config.json`` beside the tokenizer.

A model is built without memory on the meta device; the weights read from disk are then assigned to
it, so a native checkpoint on the CPU stays mapped to its file.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from unipic_tui.checkpoint_folder import CONFIG_FILE, PUBLISHED, WEIGHTS_FILE, check_folder
from unipic_tui.errors import CheckpointError
from unipic_tui.events import Loading
from unipic_tui.files import shown_path
from unipic_tui.model.config import PRESETS, UniPicConfig
from unipic_tui.model.generation import GENERATION_FILE
from unipic_tui.model.graphs import graphs_for
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.model.weights import Shapes, WeightFiles, find_weights, read_json

TOKENIZER_FILE = "tokenizer.json"
VAE_FILE = "kl16.ckpt"
UNUSED = ("mar.class_emb.weight",)
"""Keys that published files hold and no computation reads."""
TIED = "llm.lm_head.weight"
"""May be missing: it is the embedding once more."""
_EMBEDDING = "llm.model.embed_tokens.weight"
_SIGLIP = ("siglip2.", "siglip2_proj.")
_VAE = "vae."
_LISTED = 5
_PIXEL_BYTES_PER_CHANNEL = 5.25
"""Activations alive at once at full resolution, in values a channel and pixel: what is left of the
6.5 GB that a 1024 px picture takes in bfloat16 when the weights are taken off."""


@dataclass(frozen=True, slots=True)
class CheckpointReport:
    """What a folder holds, and whether every key fits.

    Attributes:
        kind: ``published`` or ``native``.
        name: the model it is.
        files: names of the files it is made of.
        problems: a sentence each; empty where all is well.
        missing, unexpected, misshapen: keys.
        parameters: how many the model has.
        bytes: size of the weight files.
        has_siglip2: whether the second vision tower is there.
        config: the model's sizes.
    """

    kind: str
    name: str
    files: tuple[str, ...]
    problems: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]
    parameters: int
    bytes: int
    has_siglip2: bool
    config: UniPicConfig

    def peak_memory(self, width: int, height: int, value_bytes: int = 2) -> int:
        """An estimate of the bytes that drawing one picture takes at the most.

        Args:
            width, height: pixels.
            value_bytes: bytes a value, 2 for bfloat16.
        """
        llm, mar = self.config.llm, self.config.mar
        tokens = (width // self.config.vae.stride) * (height // self.config.vae.stride)
        head = llm.hidden_size // llm.num_attention_heads
        kept = 2 * llm.num_hidden_layers * llm.num_key_value_heads * head
        cache = 2 * kept * (tokens + mar.buffer + 512)
        pixels = _PIXEL_BYTES_PER_CHANNEL * self.config.vae.channels * width * height
        return int(value_bytes * (self.parameters + cache + pixels))


@dataclass(frozen=True, slots=True)
class Source:
    """Weight files that hold one part of the model.

    Attributes:
        prefix: what the model's keys have in front of the files' keys.
        parts: the files' keys that count start with one of these.
    """

    files: WeightFiles
    prefix: str = ""
    parts: tuple[str, ...] = ("",)

    def name(self, key: str) -> str | None:
        """The model's name of a key in the files; ``None`` where it does not count."""
        return self.prefix + key if key.startswith(self.parts) else None

    def shapes(self) -> Shapes:
        """Shapes by the model's names."""
        named = ((self.name(key), shape) for key, shape in self.files.shapes().items())
        return {name: shape for name, shape in named if name is not None}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder that was looked at: the model's sizes and where its weights are.

    Attributes:
        shapes: of every key in the sources.
    """

    folder: Path
    kind: str
    config: UniPicConfig
    sources: tuple[Source, ...]
    tokenizer: Path
    shapes: Shapes

    @property
    def generation(self) -> Path:
        """How its makers want answers decoded: beside the tokenizer, and not always there."""
        return self.tokenizer.with_name(GENERATION_FILE)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file it may be made of."""
        weights = (path for source in self.sources for path in source.files.files)
        return (*weights, self.tokenizer, self.generation)


def open_checkpoint(folder: Path, presets: Mapping[str, UniPicConfig] = PRESETS) -> Checkpoint:
    """Look at a folder: which layout, which model, which keys. No weights are read.

    Args:
        folder: a published download or a converted one.
        presets: the models a published download may be.

    Raises:
        CheckpointError: it is neither, or a file cannot be read.
    """
    check_folder(folder)
    if (folder / CONFIG_FILE).is_file() and (folder / WEIGHTS_FILE).is_file():
        data = read_json(folder / CONFIG_FILE)
        if "mar" in data:
            weights = find_weights(folder, (WEIGHTS_FILE,))
            assert weights is not None
            config = UniPicConfig.from_dict(data)
            tokenizer = folder / TOKENIZER_FILE
            return Checkpoint(
                folder, "native", config, (Source(weights),), tokenizer, weights.shapes()
            )
    return _open_published(folder, presets)


def _open_published(folder: Path, presets: Mapping[str, UniPicConfig]) -> Checkpoint:
    weights = find_weights(folder, PUBLISHED)
    assert weights is not None, "check_folder saw one"
    sources = [Source(weights)]
    vae = find_weights(folder, (VAE_FILE,))
    if vae is not None:
        # The autoencoder's own file may hold more than the model, a loss for instance.
        parts = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
        sources.append(Source(vae, _VAE, parts))
    shapes = _merged(sources)
    tower, joint = (any(key.startswith(part) for key in shapes) for part in _SIGLIP)
    if joint and not tower:
        own = find_weights(folder, (f"siglip2*/{WEIGHTS_FILE}", "siglip2*/pytorch_model.bin"))
        if own is not None:
            sources.append(Source(own, _SIGLIP[0], ("vision_model.",)))
            shapes = _merged(sources)
    config = _identify(folder, shapes, presets)
    return Checkpoint(folder, "published", config, tuple(sources), _find_tokenizer(folder), shapes)


def _merged(sources: list[Source]) -> Shapes:
    return {key: shape for source in sources for key, shape in source.shapes().items()}


def _identify(folder: Path, shapes: Shapes, presets: Mapping[str, UniPicConfig]) -> UniPicConfig:
    """The preset whose telling keys have these shapes; without SigLIP2 where that is not there."""
    telling = ("mar.encoder_pos_embed_learned", "mar.decoder_pos_embed_learned", _EMBEDDING)
    siglip = all(any(key.startswith(part) for key in shapes) for part in _SIGLIP)
    found = {key: shapes.get(key) for key in telling}
    for preset in presets.values():
        mar = preset.mar
        positions = mar.buffer + mar.grid**2
        wanted = {
            telling[0]: (1, positions, mar.encoder_width),
            telling[1]: (1, positions, mar.decoder_width),
            telling[2]: (preset.llm.vocab_size, preset.llm.hidden_size),
        }
        if found == wanted:
            return preset if siglip else dataclasses.replace(preset, siglip=None)
    described = ", ".join(f"{key} {shape}" for key, shape in found.items())
    raise CheckpointError(
        f"The weights in {shown_path(folder)} are none of {', '.join(presets)} ({described}): "
        "get the files of one of these."
    )


def _find_tokenizer(folder: Path) -> Path:
    places = [folder / TOKENIZER_FILE, *sorted(folder.glob(f"Qwen*/{TOKENIZER_FILE}"))]
    places += sorted(folder.parent.glob(f"Qwen*/{TOKENIZER_FILE}"))
    for place in places:
        if place.is_file():
            return place
    return folder / "Qwen2.5-1.5B-Instruct" / TOKENIZER_FILE


class _NoInitialisation(TorchFunctionMode):
    """Leaves new weights as they are: on the meta device torch would load its compiler for them."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def build_on_meta(config: UniPicConfig) -> UniPicModel:
    """The model without memory for its weights."""
    with torch.device("meta"), _NoInitialisation():
        return UniPicModel(config).eval()


def compare_keys(model: nn.Module, shapes: Shapes) -> tuple[list[str], list[str], list[str]]:
    """Keys that are missing, unexpected and misshapen; those that may differ are left out."""
    wanted = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    missing = [key for key in wanted if key not in shapes and key != TIED]
    unexpected = [key for key in shapes if key not in wanted and key not in UNUSED]
    misshapen = [key for key in wanted if key in shapes and shapes[key] != wanted[key]]
    return missing, unexpected, misshapen


def inspect(folder: Path, presets: Mapping[str, UniPicConfig] = PRESETS) -> CheckpointReport:
    """Say what a folder holds without reading its weights.

    Raises:
        CheckpointError: it holds no checkpoint that is known.
    """
    checkpoint = open_checkpoint(folder, presets)
    model = build_on_meta(checkpoint.config)
    missing, unexpected, misshapen = compare_keys(model, _relevant(checkpoint))
    problems = []
    if not any(key.startswith(_VAE) for key in checkpoint.shapes):
        problems.append(f"{VAE_FILE}, the autoencoder, is missing.")
        missing = [key for key in missing if not key.startswith(_VAE)]
    if not checkpoint.tokenizer.is_file():
        problems.append(f"The tokenizer {shown_path(checkpoint.tokenizer)} is missing.")
    there = [path for path in checkpoint.files if path.is_file()]
    return CheckpointReport(
        kind=checkpoint.kind,
        name=checkpoint.config.name,
        files=tuple(os.path.relpath(path, folder) for path in there),
        problems=tuple(problems),
        missing=tuple(missing),
        unexpected=tuple(unexpected),
        misshapen=tuple(misshapen),
        parameters=sum(value.numel() for value in model.parameters()),
        bytes=sum(path.stat().st_size for path in there),
        has_siglip2=checkpoint.config.siglip is not None,
        config=checkpoint.config,
    )


def _relevant(checkpoint: Checkpoint) -> Shapes:
    """The keys that concern the model: a tower without its projection cannot be used."""
    if checkpoint.config.siglip is not None:
        return checkpoint.shapes
    return {k: shape for k, shape in checkpoint.shapes.items() if not k.startswith(_SIGLIP)}


def load_model(
    checkpoint: Checkpoint,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> Iterator[Loading | UniPicModel]:
    """Read the weights; yields progress and at last the model.

    Args:
        dtype: type of the weights; as stored by default.

    Raises:
        CheckpointError: a file cannot be read, or a key is missing, unexpected or misshapen.
    """
    config = checkpoint.config
    yield Loading(f"building {config.name}", 0.0)
    model = build_on_meta(config)
    relevant = _relevant(checkpoint)
    check_keys(model, relevant, checkpoint)
    state: dict[str, Tensor] = {}
    mapped = False
    total = len(relevant)
    for source in checkpoint.sources:
        for key, value in source.files.tensors():
            name = source.name(key)
            if name in relevant and name not in UNUSED and name not in state:
                state[name] = value.to(device=device, dtype=dtype)
                mapped = mapped or state[name] is value
                if len(state) % 50 == 0:
                    yield Loading(f"reading {config.name}", 0.05 + 0.9 * len(state) / total)
    state[TIED] = state[_EMBEDDING]
    model.load_state_dict(state, strict=True, assign=True)
    model.llm.tie_weights()
    # Float32 whatever the weights are: rounded, far positions would differ.
    rotary = model.llm.model.rotary_emb
    rotary.inv_freq = rotary.inv_freq.to(device)
    if not mapped:  # what lies in the file stays there, where memory runs short it costs none
        model.pack()
    model.graphs = graphs_for(torch.device(device))
    yield Loading(f"{config.name} is loaded", 1.0)
    yield model.requires_grad_(False)


def check_keys(model: nn.Module, shapes: Shapes, checkpoint: Checkpoint) -> None:
    """See that every key fits.

    Raises:
        CheckpointError: naming the keys that do not.
    """
    kinds = zip(("missing", "unexpected", "misshapen"), compare_keys(model, shapes), strict=True)
    wrong = [f"{kind}: {_shorten(keys)}" for kind, keys in kinds if keys]
    if wrong:
        raise CheckpointError(
            f"The weights in {shown_path(checkpoint.folder)} do not fit {checkpoint.config.name} "
            f"({'; '.join(wrong)}): get the files again."
        )


def _shorten(keys: list[str]) -> str:
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(keys[:_LISTED]) + more
