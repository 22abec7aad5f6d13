"""The embedded model's tokenizer: byte-level BPE trained on what the world says.

It has the format, the control tokens and the byte fallback of Qwen's, so prompts take the very
same way and no word can break it. The fixed parts of the chat template are single tokens, which
halves the length of a prompt and so the cost of training.
"""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from unipic_tui.inference.prompts import DRAW, END, START

CONTROL = ("<|endoftext|>", START, END, "<image>")
TEMPLATE = ("user\n" + DRAW.format("").rstrip(), "user\n", "assistant\n")
_WORDS = Regex(r"\s?\p{L}+|\s?\p{N}|\s?[^\s\p{L}\p{N}]|\s+")


def train_tokenizer(texts: Iterable[str], vocabulary: int = 640) -> Tokenizer:
    """Train a tokenizer.

    Args:
        texts: whatever the world may say, from `unipic_tui.nano.world.corpus`.
        vocabulary: most tokens; 256 of them are the bytes.
    """
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_WORDS, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in TEMPLATE])
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write ``tokenizer.json``."""
    tokenizer.save(str(folder / "tokenizer.json"))
