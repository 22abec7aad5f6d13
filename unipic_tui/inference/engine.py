"""A loaded model with its tokenizer, and the tensors each kind of job begins with."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unipic_tui.errors import CheckpointError, DeviceError
from unipic_tui.events import BackendInfo, BackendOptions, Loading, Memory
from unipic_tui.inference.processor import free_memory, processors, product_rate
from unipic_tui.inference.prompts import Prompt, PromptCodec
from unipic_tui.model.checkpoint import load_model, open_checkpoint
from unipic_tui.model.generation import GenerationConfig
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.model.vae import to_bytes
from unipic_tui.paths import EMBEDDED_CHECKPOINT

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MEMORY_ERRORS = (torch.OutOfMemoryError, MemoryError, RuntimeError)
"""What running out of memory may raise; see `is_out_of_memory`."""
_SMALL = 200_000_000
"""Parameters up to which a CPU computes in one thread, and ``auto`` in float32."""
_CLEARLY = 1.2
"""How many times as fast bfloat16 must be on a CPU to be worth its rounding."""
_ROOM = 1.25
"""Memory that float32 shall find free, in sizes of the weights: drawing takes some too."""


@dataclass(frozen=True)
class Engine:
    """What every job needs.

    Attributes:
        model: on its device, in its type.
        codec: text to token ids and back.
        info: what the app says about it.
        generation: how its makers want answers decoded.
        writing: the type in which the tokens of answers are multiplied; the model's by default.
    """

    model: UniPicModel
    codec: PromptCodec
    info: BackendInfo
    generation: GenerationConfig
    writing: torch.dtype | None = None

    @property
    def fingerprint(self) -> str:
        """Tells this model in this type from others, of the same name too."""
        return f"{self.info.model}-{self.model.dtype}-{self.info.weights}"

    def prefix(
        self, prompts: Sequence[Prompt], images: Sequence[Tensor | None] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of prompts, padded on the right, and which positions are real.

        Args:
            prompts: one a row.
            images: for each prompt of two pieces (1, positions, width), what the language model
                sees of the image that goes between them.

        Returns:
            (rows, length, width) and a mask (rows, length) on the CPU, where reading lengths off it
            waits for no device.
        """
        device = self.model.device
        rows: list[Tensor] = []
        for prompt, seen in zip(prompts, images or [None] * len(prompts), strict=True):
            parts: list[Tensor] = []
            for index, piece in enumerate(prompt.pieces):
                if index and seen is not None:
                    parts.append(seen[0])
                parts.append(self.model.embed(torch.tensor(piece, device=device)))
            rows.append(torch.cat(parts))
        lengths = torch.tensor([len(row) for row in rows])
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return padded, torch.arange(padded.shape[1]) < lengths[:, None]

    def to_pixels(self, image: Image.Image) -> Tensor:
        """An RGB picture as (1, 3, h, w) in [-1, 1] on the model's device."""
        values = torch.from_numpy(np.array(image, dtype=np.float32))
        pixels = (values * (2 / 255) - 1).permute(2, 0, 1)[None]
        return pixels.to(self.model.device, self.model.dtype)

    def encode(self, image: Image.Image) -> tuple[Tensor, tuple[int, int]]:
        """Latents (1, tokens, channels), float32, of a picture of whole tokens, and its grid."""
        latents = self.model.vae.encode(self.to_pixels(image)).float()
        return latents.flatten(1, 2), (latents.shape[1], latents.shape[2])

    def see(self, image: Image.Image) -> tuple[Tensor, tuple[int, int]]:
        """A whole picture's MAR encoding (1, buffer + tokens, width), and its grid."""
        latents, grid = self.encode(image)
        positions = self.model.positions(*grid)
        return self.model.mar.encode(latents.to(self.model.dtype), None, positions), grid

    def decode(self, latents: Tensor, grid: tuple[int, int]) -> list[Image.Image]:
        """The pictures of latents (pictures, tokens, channels)."""
        images = self.model.vae.decode(latents.to(self.model.dtype).unflatten(1, grid))
        return [Image.fromarray(pixels.numpy()) for pixels in to_bytes(images)]


def choose_device(name: str) -> torch.device:
    """The device a name stands for; ``auto`` takes the best there is.

    Raises:
        DeviceError: it is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(
            f"The device {name!r} is unknown: use auto, cpu, cuda, cuda:1 or mps."
        ) from None
    if device.type == "cpu":
        return torch.device("cpu")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            built = "built for it" if torch.version.cuda else "a build without CUDA"
            raise DeviceError(
                f"CUDA is not available (PyTorch is {built}): use --device cpu, or install an "
                "NVIDIA driver and a CUDA build of PyTorch."
            )
        count = torch.cuda.device_count()
        if (device.index or 0) < count:
            return device
        raise DeviceError(
            f"There is no {device}; this computer has {count} of them, counted from cuda:0."
        )
    if device.type == "mps":
        if torch.backends.mps.is_available():
            return device
        raise DeviceError("There is no Apple GPU here: use --device auto.")
    raise DeviceError(
        f"The device {name!r} is not there, or this torch ({torch.__version__}) cannot use it: "
        "use --device cpu, or install a torch built for it."
    )


def choose_dtype(name: str, device: torch.device, parameters: int) -> torch.dtype:
    """The type a name stands for; ``auto``: bfloat16, but on a CPU what it multiplies faster.

    There small models take float32, and large ones bfloat16 where its products are clearly faster
    (without AMX or AVX-512 BF16 they take three times as long) or memory is short.

    Raises:
        DeviceError: it is unknown.
    """
    if name != "auto":
        if name in DTYPES:
            return DTYPES[name]
        raise DeviceError(f"The type {name!r} is unknown: use auto or one of {', '.join(DTYPES)}.")
    if device.type != "cpu":
        return torch.bfloat16
    if parameters <= _SMALL:
        return torch.float32
    if 4 * parameters * _ROOM > free_memory():
        return torch.bfloat16
    return _quicker()


def _quicker(*shape: int) -> torch.dtype:
    """Bfloat16 where its products of a shape are clearly faster; see `product_rate`."""
    faster = product_rate(torch.bfloat16, *shape) > _CLEARLY * product_rate(torch.float32, *shape)
    return torch.bfloat16 if faster else torch.float32


def choose_writing(name: str, model: UniPicModel) -> torch.dtype:
    """The type in which the tokens of answers, one at a time, are multiplied.

    ``auto`` takes bfloat16 for large float32 models where this processor multiplies single rows
    clearly faster in it and memory has room for the language model once more. Such products wait
    for weights, so that holds for processors that are slow at larger ones in bfloat16.
    """
    count = sum(value.numel() for value in model.llm.parameters())
    if name != "auto" or model.device.type != "cpu" or model.dtype != torch.float32:
        return model.dtype
    if count <= _SMALL or 2 * count * _ROOM > free_memory():
        return model.dtype
    return _quicker(1, 4096)


def choose_threads(device: torch.device, parameters: int) -> None:
    """Compute small models in one thread, and none in more than there are processors for.

    OMP_NUM_THREADS goes first. Handing parts of small products to other threads takes longer than
    the products: the embedded model took 1.7 s a picture with two threads and 1.0 s with one, on
    two idle cores.
    """
    if device.type != "cpu" or "OMP_NUM_THREADS" in os.environ:
        return
    most = 1 if parameters <= _SMALL else processors() or torch.get_num_threads()
    torch.set_num_threads(min(most, torch.get_num_threads()))


def load_engine(options: BackendOptions) -> Iterator[Loading | Engine]:
    """Load what the options name; yields progress and at last the engine.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DeviceError: the device is not there, or too small.
    """
    device = choose_device(options.device)
    folder: Path = options.checkpoint or EMBEDDED_CHECKPOINT
    checkpoint = open_checkpoint(folder)
    codec = PromptCodec.load(checkpoint.tokenizer)
    generation = GenerationConfig.read(checkpoint.generation)
    parameters = sum(_count(shape) for shape in checkpoint.shapes.values())
    choose_threads(device, parameters)
    dtype = choose_dtype(options.dtype, device, parameters)
    if codec.vocabulary > checkpoint.config.llm.vocab_size:
        raise CheckpointError(
            f"The tokenizer {checkpoint.tokenizer.name} has {codec.vocabulary} tokens and the "
            f"model {checkpoint.config.llm.vocab_size}: they do not belong together."
        )
    try:
        for event in load_model(checkpoint, device, dtype):
            if isinstance(event, Loading):
                yield event
            else:
                info = info_of(event, embedded=options.checkpoint is None)
                writing = choose_writing(options.dtype, event)
                yield Engine(event, codec, info, generation, writing)
    except MEMORY_ERRORS as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"{device} has too little memory for {checkpoint.config.name}: free some, or use "
            "--dtype bfloat16, --device cpu or a smaller checkpoint."
        ) from None


def info_of(model: UniPicModel, *, embedded: bool) -> BackendInfo:
    """What the app says about a model."""
    return BackendInfo(
        model=model.config.name,
        device=str(model.device),
        parameters=sum(value.numel() for value in model.parameters()),
        defaults=model.config.defaults,
        embedded=embedded,
        siglip2=model.siglip2 is not None,
        weights=_checksum(model),
    )


def _checksum(model: UniPicModel) -> str:
    """Of every bias and gain: every training changes some, and they are few.

    In bfloat16, the coarsest type, so that it does not depend on the type loaded.
    """
    vectors = [value.detach().bfloat16() for value in model.parameters() if value.ndim == 1]
    return f"{zlib.crc32(torch.cat(vectors).cpu().view(torch.uint8).numpy().tobytes()):08x}"


def _count(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: on a CPU torch raises a plain `RuntimeError`."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "allocate memory" in str(error) or "out of memory" in str(error)


def device_memory(device: torch.device) -> Memory:
    """Memory of a device now: of the GPU, or of this process and the machine."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return Memory(total - free, total)
    if device.type == "mps":
        return Memory(torch.mps.driver_allocated_memory(), torch.mps.recommended_max_memory())
    return _process_memory()


def _process_memory() -> Memory:
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        used = int(Path("/proc/self/statm").read_text().split()[1]) * page
        return Memory(used, os.sysconf("SC_PHYS_PAGES") * page)
    except (OSError, ValueError, AttributeError, IndexError):
        return Memory(0, 0)


def release(device: torch.device) -> None:
    """Give cached memory of a device back to the system."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
