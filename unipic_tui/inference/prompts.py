"""Prompts: the chat template, and token ids with the places where images go.

The template is Qwen2.5's without a system turn, which is what the published scripts send. A
person's text is never read as control tokens: what they type stays text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from unipic_tui.errors import CheckpointError, InputError
from unipic_tui.job_parts import Turn
from unipic_tui.jobs import GenerateJob, Template, instruction

START, END = "<|im_start|>", "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids in pieces; an image goes between each piece and the next."""

    pieces: tuple[tuple[int, ...], ...]

    @property
    def text_tokens(self) -> int:
        """Tokens that are not an image's."""
        return sum(len(piece) for piece in self.pieces)


class PromptCodec:
    """Text to prompts and answers back to text, for one checkpoint's tokenizer.

    Raises:
        CheckpointError: the file is missing, is no tokenizer, or lacks the chat's control tokens.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.encode_special_tokens = True
        start, end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
        if start is None or end is None:
            raise CheckpointError(
                f"The tokenizer lacks {START} or {END}: it is not one of Qwen2.5-Instruct."
            )
        self._start, self._end = start, end

    @classmethod
    def load(cls, path: Path) -> PromptCodec:
        """Read a ``tokenizer.json``."""
        if not path.is_file():
            raise CheckpointError(f"The tokenizer file {path} is missing: download it again.")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises a bare Exception
            raise CheckpointError(
                f"The tokenizer file {path} cannot be read ({error}): download it again."
            ) from None
        return cls(tokenizer)

    @property
    def vocabulary(self) -> int:
        """Number of tokens, the added ones too."""
        return int(self._tokenizer.get_vocab_size())

    @property
    def stop(self) -> frozenset[int]:
        """The tokens that end an answer."""
        last = self._tokenizer.token_to_id("<|endoftext|>")
        return frozenset({self._end} if last is None else {self._end, last})

    def encode(self, text: str) -> list[int]:
        """Ids of plain text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of an answer's ids, control tokens left out."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def draw(self, prompt: str, template: Template = "plain") -> Prompt:
        """The prompt for drawing."""
        return self._chat([instruction(prompt, template)], image=False)

    def draw_unconditional(self, text: str | None = None) -> Prompt:
        """Its unconditional counterpart; ``text`` replaces the published one."""
        return self._chat([text or GenerateJob.own_unconditional], image=False)

    def about_image(self, text: str, turns: Sequence[Turn] = ()) -> Prompt:
        """An instruction or question about an image, after earlier turns about the same one."""
        said = [part for turn in turns for part in (turn.question, turn.answer)]
        return self._chat([*said, text], image=True)

    def answer(self, text: str) -> list[int]:
        """The ids of an answer as training sees it, its end included."""
        return [*self.encode(text), self._end]

    def _chat(self, said: Sequence[str], *, image: bool) -> Prompt:
        pieces: list[list[int]] = [[]]
        for index, text in enumerate(said):
            speaker = "assistant" if index % 2 else "user"
            pieces[-1].append(self._start)
            if image and index == 0:
                pieces[-1] += self.encode(f"{speaker}\n")
                pieces.append(self.encode(f"\n{text}"))
            else:
                pieces[-1] += self.encode(f"{speaker}\n{text}")
            pieces[-1] += [self._end, *self.encode("\n")]
        pieces[-1] += [self._start, *self.encode("assistant\n")]
        return Prompt(tuple(tuple(piece) for piece in pieces))


def check_length(prompt: Prompt, image_positions: int, following: int, limit: int) -> None:
    """See that a prompt fits the language model's context.

    Raises:
        InputError: it does not.
    """
    pictures = image_positions + following
    over = prompt.text_tokens + pictures - limit
    if over <= 0:
        return
    if over >= prompt.text_tokens:  # no prompt is short enough
        raise InputError(
            f"The picture takes {pictures} positions and the model has {limit}: use a smaller size."
        )
    raise InputError(
        f"The prompt of {prompt.text_tokens} tokens is too long, {limit - pictures} fit: shorten "
        f"it by {over}, or use a smaller size."
    )
