"""How a language model's makers want its answers decoded: ``generation_config.json``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from unipic_tui.errors import CheckpointError
from unipic_tui.files import shown_path
from unipic_tui.model.weights import read_json

GENERATION_FILE = "generation_config.json"


@dataclass(frozen=True, slots=True)
class GenerationConfig:
    """Decoding settings under the names of ``transformers``; the defaults change nothing.

    Attributes:
        repetition_penalty: above 0; logits of tokens already generated are divided by it where
            positive and multiplied where negative, in greedy decoding too.
        temperature: of sampling, above 0.
        top_k: sample from so many likeliest tokens; 0 from all.
        top_p: sample from the likeliest tokens that together have this probability, 0 to 1.
        stop: ids that end an answer besides the tokenizer's own.
    """

    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    stop: frozenset[int] = frozenset()

    @classmethod
    def read(cls, path: Path) -> Self:
        """What the file says; the defaults where there is no file or it leaves something open.

        Raises:
            CheckpointError: it is no JSON object, or a value is out of range.
        """
        if not path.is_file():
            return cls()
        data = {key: value for key, value in read_json(path).items() if value is not None}
        ends = data.get("eos_token_id", [])
        usual = cls()
        try:
            made = cls(
                float(data.get("repetition_penalty", usual.repetition_penalty)),
                float(data.get("temperature", usual.temperature)),
                _whole(data.get("top_k", usual.top_k)),
                float(data.get("top_p", usual.top_p)),
                frozenset(_whole(end) for end in (ends if isinstance(ends, list) else [ends])),
            )
            positive = (made.repetition_penalty, made.temperature)
            valid = all(0 < value < math.inf for value in positive) and 0 <= made.top_p <= 1
        except (TypeError, ValueError, OverflowError):
            valid = False
        if not valid:
            raise CheckpointError(
                f"{shown_path(path)} holds a setting that is out of range: download it again, or "
                "delete it to decode without it."
            )
        return made


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError
    return value
