"""Every string of the world, for a tokenizer to learn from."""

from collections.abc import Iterator

from unipic_tui.nano.world.answering import describe_sample, question_sample
from unipic_tui.nano.world.drawing import draw_sample
from unipic_tui.nano.world.editing import edit_sample
from unipic_tui.nano.world.scene import generator
from unipic_tui.nano.world.wording import VOCABULARY


def corpus(n: int, seed: int = 0) -> Iterator[str]:
    """``n`` texts: every word of VOCABULARY once, then samples of all that is said or asked.

    The words come first, so that a tokenizer knows all of them however small ``n`` is.
    """
    rng = generator("train", seed)
    made = 0
    for word in VOCABULARY[:n]:
        yield word
        made += 1
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
        for text in texts[: n - made]:
            yield text
            made += 1
