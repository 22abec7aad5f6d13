"""The embedded model's tokenizer: byte-level BPE trained on texts of the closed world.

It has the format, the control tokens and the byte fallback of Qwen's, so prompts are encoded by the
same code and every word has an encoding. The fixed parts of the chat template are single tokens,
which halves the length of a prompt and so the cost of training.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from unipic_tui.inference.prompts import END, START
from unipic_tui.jobs import instruction
from unipic_tui.nano.world.edits import edit_sample
from unipic_tui.nano.world.phrases import VOCABULARY
from unipic_tui.nano.world.questions import describe_sample, question_sample
from unipic_tui.nano.world.scene import generator
from unipic_tui.nano.world.text_to_image import draw_sample

CONTROL = ("<|endoftext|>", START, END, "<image>")
TEMPLATE = ("user\n" + instruction("", "plain").rstrip(), "user\n", "assistant\n")
_WORDS = Regex(r"\s?\p{L}+|\s?\p{N}|\s?[^\s\p{L}\p{N}]|\s+")


def corpus(n: int, seed: int = 0) -> Iterator[str]:
    """``n`` texts: every word of VOCABULARY once, then sampled prompts, questions and answers.

    The words come first, so that a tokenizer knows all of them however small ``n`` is.
    """
    rng = generator("train", seed)
    made = min(n, len(VOCABULARY))
    yield from VOCABULARY[:made]
    while made < n:
        asked, described = question_sample(rng), describe_sample(rng)
        texts = (
            draw_sample(rng).prompt,
            edit_sample(rng).instruction,
            asked.question,
            asked.answer,
            described.question,
            described.answer,
        )
        yield from texts[: n - made]
        made += len(texts)


def train_tokenizer(texts: Iterable[str], vocabulary: int = 640) -> Tokenizer:
    """Train a tokenizer.

    Args:
        texts: what to train on, such as `corpus`.
        vocabulary: the largest number of tokens; 256 of them are the bytes.
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
