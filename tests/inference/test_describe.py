"""Decoding answers: the ids of ``transformers``' own ``generate``, and text from the last ids."""

import itertools
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.references import qwen2_of_transformers
from tests.tiny import make_model, make_tokenizer
from unipic_tui.inference import engine
from unipic_tui.inference.describe import Reading, decode_stream, generate_tokens
from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.generation import GenerationConfig
from unipic_tui.model.unipic import UniPicModel

QWEN = GenerationConfig(repetition_penalty=1.1, temperature=0.7, top_k=20, top_p=0.8)
LENGTH = 40


@pytest.fixture(scope="module")
def model() -> UniPicModel:
    return make_model()


@pytest.fixture(scope="module")
def embeddings(model: UniPicModel) -> Tensor:
    return model.embed(torch.randint(0, 400, (1, 12), generator=torch.Generator().manual_seed(3)))


def theirs(model: UniPicModel, embeddings: Tensor, **options: Any) -> list[int]:
    """Called as the published script does, with a generation config's values by name."""
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = qwen2_of_transformers(model).generate(
            inputs_embeds=embeddings, use_cache=True, max_new_tokens=LENGTH, **options
        )
    ids: list[int] = made[0].tolist()
    return ids


def ours(model: UniPicModel, embeddings: Tensor, **options: Any) -> list[int]:
    with torch.inference_mode():
        return list(generate_tokens(model, embeddings, LENGTH, **{"stop": frozenset()} | options))


@pytest.mark.parametrize("penalty", [1.0, 1.1, 1.5])
def test_greedy_answers_are_those_of_transformers(
    model: UniPicModel, embeddings: Tensor, penalty: float
) -> None:
    expected = theirs(
        model, embeddings, do_sample=False, repetition_penalty=penalty, eos_token_id=None
    )
    assert ours(model, embeddings, repetition_penalty=penalty) == expected
    assert ours(model, embeddings, config=GenerationConfig(penalty)) == expected
    plain = ours(model, embeddings)
    assert (plain == expected) == (penalty == 1)


@pytest.mark.parametrize("seed", range(3))
def test_sampled_answers_are_those_of_transformers(
    model: UniPicModel, embeddings: Tensor, seed: int
) -> None:
    torch.manual_seed(seed)
    expected = theirs(
        model,
        embeddings,
        do_sample=True,
        repetition_penalty=1.1,
        temperature=0.7,
        top_k=20,
        top_p=0.8,
        eos_token_id=None,
    )
    assert ours(model, embeddings, temperature=None, seed=seed, config=QWEN) == expected
    given = {"repetition_penalty": 1.1, "temperature": 0.7, "top_k": 20, "top_p": 0.8}
    assert ours(model, embeddings, seed=seed, **given) == expected
    other = {**given, "top_k": 0, "top_p": 1.0, "temperature": 2.0}
    assert ours(model, embeddings, seed=seed, **other, config=QWEN) != expected


def test_no_temperature_is_greedy_whatever_the_checkpoint_says(
    model: UniPicModel, embeddings: Tensor
) -> None:
    greedy = ours(model, embeddings, repetition_penalty=1.1)
    assert ours(model, embeddings, config=QWEN) == greedy
    assert ours(model, embeddings, temperature=1e-30, config=QWEN) == greedy


def test_the_checkpoints_end_tokens_end_an_answer(model: UniPicModel, embeddings: Tensor) -> None:
    answer = ours(model, embeddings, repetition_penalty=1.3)
    before = list(itertools.takewhile(lambda token: token != answer[5], answer))
    config = GenerationConfig(1.3, stop=frozenset({answer[5]}))
    assert ours(model, embeddings, config=config) == before
    assert ours(model, embeddings, repetition_penalty=1.3, stop=frozenset({answer[5]})) == before


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> PromptCodec:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def test_text_comes_whole_from_the_last_tokens(codec: PromptCodec) -> None:
    text = "two cafés, 三つの円 and 🟥🟦\n  done."
    ids = codec.encode(text)
    lengths: list[int] = []

    def decode(held: Any) -> str:
        lengths.append(len(held))
        return codec.decode(held)

    pieces = [piece for piece in decode_stream(decode, ids) if piece is not None]
    assert "".join(pieces) == text
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)
    assert len(pieces) > 10
    assert max(lengths) <= 4


def test_any_tokens_decode_as_all_at_once(codec: PromptCodec) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        ids = torch.randint(0, codec.vocabulary, (60,), generator=generator).tolist()
        pieces = [piece for piece in decode_stream(codec.decode, ids) if piece is not None]
        assert "".join(pieces) == codec.decode(ids)


@pytest.fixture
def positions(model: UniPicModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many the language model read in each call."""
    read = model.read
    counts: list[int] = []

    def counted(embeddings: Tensor, **options: Any) -> Tensor:
        counts.append(embeddings.shape[1])
        return read(embeddings, **options)

    monkeypatch.setattr(model, "read", counted)
    return counts


def test_what_prompts_begin_with_in_common_is_read_once(
    model: UniPicModel, positions: list[int]
) -> None:
    ids = torch.randint(0, 400, (1, 60), generator=torch.Generator().manual_seed(5))
    picture, other = model.embed(ids[:, :30]), model.embed(ids[:, 30:])
    prompts = [
        torch.cat([picture, other[:, :6]], 1),
        torch.cat([picture, other[:, 6:9]], 1),
        torch.cat([picture, other[:, 6:9], other], 1),  # needs more room
        torch.cat([picture, other[:, 6:9], other], 1),  # the same once more
        other,
    ]
    alone = [ours(model, prompt) for prompt in prompts]
    positions.clear()
    reading = Reading(model)
    firsts = []
    for prompt, expected in zip(prompts, alone, strict=True):
        positions.clear()
        assert ours(model, prompt, reading=reading) == expected
        firsts.append(positions[0])
    assert firsts == [36, 3, 30, 1, 30]


def test_a_reading_that_was_interrupted_counts_for_nothing(
    model: UniPicModel, embeddings: Tensor, positions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ours(model, embeddings)
    reading = Reading(model)
    ours(model, embeddings[:, :8], reading=reading)
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(model, "read", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
        ours(model, embeddings, reading=reading)
    positions.clear()
    assert ours(model, embeddings, reading=reading) == expected
    assert positions[0] == embeddings.shape[1]


def test_answers_written_in_half_the_bits_are_nearly_the_same(
    model: UniPicModel, embeddings: Tensor
) -> None:
    llm = model.llm
    states = []
    for writing in (None, torch.bfloat16):
        reading = Reading(model, writing)
        with torch.inference_mode():
            _, cache = reading.begin(embeddings, 8)
            token = torch.tensor([[7]])
            states += [reading.write(token, cache), reading.write(token, cache)]
            states.append(reading.logits(states[-1]))
    for plain, rounded in zip(states[:3], states[3:], strict=True):
        assert plain.dtype == rounded.dtype == torch.float32
        assert not torch.equal(plain, rounded)
        difference = float((rounded - plain).norm() / plain.norm())
        assert difference < 0.02  # bfloat16 has 8 bits: .004 a product
    assert llm is model.llm
    assert {value.dtype for value in llm.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("type_", "large", "room", "quick", "chosen"),
    [
        ("auto", True, True, 3.0, torch.bfloat16),
        ("auto", True, True, 1.1, torch.float32),
        ("auto", True, False, 3.0, torch.float32),
        ("auto", False, True, 3.0, torch.float32),
        ("float32", True, True, 3.0, torch.float32),
    ],
)
def test_answers_are_written_in_the_quicker_type_where_nothing_else_is_said(
    model: UniPicModel,
    monkeypatch: pytest.MonkeyPatch,
    type_: str,
    large: bool,
    room: bool,
    quick: float,
    chosen: torch.dtype,
) -> None:
    def rate(dtype: torch.dtype, rows: int, width: int) -> float:
        assert rows == 1
        return quick if dtype == torch.bfloat16 else 1.0

    monkeypatch.setattr(engine, "product_rate", rate)
    monkeypatch.setattr(engine, "free_memory", lambda: 10**9 if room else 0)
    monkeypatch.setattr(engine, "_SMALL", 0 if large else 10**9)
    assert engine.choose_writing(type_, model) == chosen


def test_answers_of_a_model_in_bfloat16_need_no_copy() -> None:
    model = make_model().to(torch.bfloat16)
    assert engine.choose_writing("auto", model) == torch.bfloat16
    assert Reading(model, torch.bfloat16)._llm is model.llm
