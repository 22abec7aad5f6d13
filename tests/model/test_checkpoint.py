"""Checkpoints: published keys, folders as downloaded, our own format, and what is refused."""

import gzip
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import CONFIG, PRESETS, make_native, make_published
from unipic_tui.errors import CheckpointError, StorageError, UnipicError
from unipic_tui.events import Loading
from unipic_tui.model.checkpoint import (
    TIED,
    UNUSED,
    build_on_meta,
    compare_keys,
    inspect,
    load_model,
    open_checkpoint,
)
from unipic_tui.model.config import PRESETS as PUBLISHED
from unipic_tui.model.config import UniPicConfig
from unipic_tui.model.generation import GenerationConfig
from unipic_tui.model.native import convert
from unipic_tui.model.unipic import UniPicModel

KEYS = Path(__file__).parent.parent / "data" / "state_dict_keys.json.gz"


def load(folder: Path, **options: Any) -> UniPicModel:
    for event in load_model(open_checkpoint(folder, PRESETS), **options):
        if not isinstance(event, Loading):
            return event
    raise AssertionError("no model came")


def published_keys(name: str) -> dict[str, tuple[int, ...]]:
    with gzip.open(KEYS) as file:
        return {key: tuple(shape) for key, shape in json.load(file)[name].items()}


def weights_of(model: UniPicModel) -> dict[str, torch.Tensor]:
    return {key: value.float() for key, value in model.state_dict().items()}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_keys_fit_both_ways(name: str) -> None:
    published = published_keys(name)
    mine = {key: tuple(v.shape) for key, v in build_on_meta(PUBLISHED[name]).state_dict().items()}
    assert mine.keys() ^ published.keys() == set(UNUSED)
    assert mine == {key: shape for key, shape in published.items() if key not in UNUSED}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_differing_keys_are_found(name: str) -> None:
    published = published_keys(name)
    del published["mar.z_proj.bias"], published[TIED]
    published["mar.z_proj.weight"] = (1, 2)
    published["mar.surprise"] = (1,)
    differing = compare_keys(build_on_meta(PUBLISHED[name]), published)
    assert differing == (["mar.z_proj.bias"], ["mar.surprise"], ["mar.z_proj.weight"])


def test_a_config_survives_json() -> None:
    for config in (*PUBLISHED.values(), CONFIG):
        assert UniPicConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_download_loads_as_it_is(tmp_path: Path) -> None:
    made = make_published(tmp_path)
    loaded = load(tmp_path)
    assert loaded.config == CONFIG
    for key, value in weights_of(made).items():
        assert torch.equal(loaded.state_dict()[key], value), key


def test_a_download_without_optional_keys_loads(tmp_path: Path) -> None:
    make_published(tmp_path)
    path = tmp_path / "pytorch_model.bin"
    state = torch.load(path)
    kept = {k: v for k, v in state.items() if not k.startswith("siglip2") and k != TIED}
    del kept[UNUSED[0]]
    torch.save(kept, path)
    assert load(tmp_path).siglip2 is None
    assert not inspect(tmp_path, PRESETS).has_siglip2


def test_the_tower_may_lie_in_its_own_folder(tmp_path: Path) -> None:
    made = make_published(tmp_path)
    path = tmp_path / "pytorch_model.bin"
    state = torch.load(path)
    tower = {k.removeprefix("siglip2."): state.pop(k) for k in list(state) if "siglip2." in k}
    tower["text_model.embeddings"] = torch.zeros(3)
    torch.save(state, path)
    folder = tmp_path / "siglip2-so400m-patch16-512"
    folder.mkdir()
    save_file(tower, folder / "model.safetensors")
    image = torch.rand(1, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(load(tmp_path).look_siglip2(image), made.look_siglip2(image))


def test_shards_and_safetensors_load(tmp_path: Path) -> None:
    made = make_published(tmp_path)
    state = torch.load(tmp_path / "pytorch_model.bin")
    (tmp_path / "pytorch_model.bin").unlink()
    names = sorted(state)
    half = len(names) // 2
    shards = {"model-1.safetensors": names[:half], "model-2.safetensors": names[half:]}
    for file, keys in shards.items():
        save_file({key: state[key].clone() for key in keys}, tmp_path / file)
    table = {key: file for file, keys in shards.items() for key in keys}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": table}))
    assert torch.equal(load(tmp_path).mar.z_proj.weight, made.mar.z_proj.weight)

    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks model-2\.safetensors"):
        load(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "../../etc/passwd"}}))
    with pytest.raises(CheckpointError, match="outside its folder"):
        load(tmp_path)


def test_a_harmon_download_is_told_by_its_shapes(tmp_path: Path) -> None:
    make_published(tmp_path)
    (tmp_path / "pytorch_model.bin").rename(tmp_path / "harmon_tiny.pth")
    assert inspect(tmp_path, PRESETS).name == "tiny"
    with pytest.raises(CheckpointError, match=r"are none of unipic-1\.5b"):
        open_checkpoint(tmp_path)


def test_files_of_old_torch_load(tmp_path: Path) -> None:
    made = make_published(tmp_path)
    path = tmp_path / "kl16.ckpt"
    torch.save(torch.load(path), path, _use_new_zipfile_serialization=False)
    assert torch.equal(load(tmp_path).vae.quant_conv.weight, made.vae.quant_conv.weight)


def test_converting_keeps_every_weight(tmp_path: Path) -> None:
    source, target = tmp_path / "download", tmp_path / "native"
    make_published(source)
    fractions = [event.fraction for event in convert(source, target, PRESETS)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert sorted(path.name for path in target.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    stored = load_file(target / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.bfloat16}
    native = load(target)
    for key, value in load(source).state_dict().items():
        assert torch.equal(native.state_dict()[key], value.bfloat16()), key
    with pytest.raises(CheckpointError, match="not an empty folder"):
        list(convert(source, target, PRESETS))


QWEN = {
    "bos_token_id": 151643,
    "do_sample": True,
    "eos_token_id": [151645, 151643],
    "repetition_penalty": 1.1,
    "temperature": 0.7,
    "top_p": 0.8,
    "top_k": 20,
}


def test_converting_keeps_how_answers_are_decoded(tmp_path: Path) -> None:
    source, target = tmp_path / "download", tmp_path / "native"
    make_published(source)
    file = source / "Qwen2.5-1.5B-Instruct" / "generation_config.json"
    assert GenerationConfig.read(open_checkpoint(source, PRESETS).generation) == GenerationConfig()
    file.write_text(json.dumps(QWEN))
    list(convert(source, target, PRESETS))
    for folder in (source, target):
        checkpoint = open_checkpoint(folder, PRESETS)
        assert GenerationConfig.read(checkpoint.generation) == GenerationConfig(
            1.1, 0.7, 20, 0.8, frozenset({151645, 151643})
        )
        assert any("generation_config" in name for name in inspect(folder, PRESETS).files)


@pytest.mark.parametrize(
    "bad",
    [
        {"repetition_penalty": 0},
        {"repetition_penalty": "much"},
        {"temperature": -1},
        {"top_p": 1.5},
        {"top_k": 2.5},
        {"eos_token_id": [None]},
    ],
)
def test_unusable_decoding_settings_get_one_sentence(tmp_path: Path, bad: dict[str, Any]) -> None:
    file = tmp_path / "generation_config.json"
    file.write_text(json.dumps(QWEN | bad))
    with pytest.raises(CheckpointError, match="out of range"):
        GenerationConfig.read(file)
    file.write_text(json.dumps({"eos_token_id": 7, "top_k": None}))
    assert GenerationConfig.read(file) == GenerationConfig(stop=frozenset({7}))


def test_a_native_checkpoint_stays_mapped(tmp_path: Path) -> None:
    make_native(tmp_path)
    model = load(tmp_path)
    stored = {value.data_ptr() for value in model.parameters()}
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("this system does not list mappings")
    ranges = [
        tuple(int(side, 16) for side in line.split()[0].split("-"))
        for line in maps.read_text().splitlines()
        if line.endswith("model.safetensors")
    ]
    assert ranges
    assert all(any(low <= address < high for low, high in ranges) for address in stored)


def test_rotary_frequencies_are_exact_in_any_type(tmp_path: Path) -> None:
    make_native(tmp_path)
    frequencies = load(tmp_path, dtype=torch.bfloat16).llm.model.rotary_emb.inv_freq
    width = CONFIG.llm.hidden_size // CONFIG.llm.num_attention_heads
    powers = torch.arange(0, width, 2, dtype=torch.float64) / width
    assert frequencies.dtype == torch.float32
    torch.testing.assert_close(frequencies.double(), CONFIG.llm.rope_theta**-powers)


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch hacked",)


def spoil(folder: Path, how: str) -> None:
    weights, vae = folder / "pytorch_model.bin", folder / "kl16.ckpt"
    if how == "pickle that runs code":
        weights.write_bytes(pickle.dumps({"mar.mask_token": Hostile()}, protocol=2))
    elif how == "zip that runs code":
        torch.save({"mar.mask_token": Hostile()}, weights)
    elif how == "cut short":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif how == "empty":
        vae.write_bytes(b"")
    elif how == "foreign":
        vae.write_bytes(b"GIF89a" + bytes(100))
    elif how == "a list":
        torch.save([1, 2], weights)
    elif how == "missing keys":
        state = torch.load(weights)
        del state["mar.z_proj.bias"]
        torch.save(state, weights)
    elif how == "no autoencoder":
        vae.unlink()
    elif how == "no weights":
        weights.unlink()
    elif how == "a header of terabytes":
        weights.unlink()
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**42) + b"{}")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("pickle that runs code", "holds more than weights"),
        ("zip that runs code", "holds more than weights"),
        ("cut short", "cannot be read as weights"),
        ("empty", "cannot be read as weights"),
        ("foreign", "cannot be read as weights"),
        ("a list", "holds no state dict"),
        ("missing keys", "missing: mar.z_proj.bias"),
        ("no autoencoder", "missing: vae."),
        ("no weights", "holds no checkpoint"),
        ("a header of terabytes", "cannot be read as weights"),
    ],
)
def test_bad_files_get_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    folder = tmp_path / "download"
    make_published(folder)
    spoil(folder, how)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnipicError, match=said) as caught:
        load(folder)
    assert "\n" not in caught.value.message
    assert not (tmp_path / "hacked").exists()


def test_inspect_names_what_is_missing(tmp_path: Path) -> None:
    make_published(tmp_path)
    (tmp_path / "kl16.ckpt").unlink()
    (tmp_path / "Qwen2.5-1.5B-Instruct" / "tokenizer.json").unlink()
    report = inspect(tmp_path, PRESETS)
    assert len(report.problems) == 2
    assert report.missing == ()


def test_no_folder_and_broken_configs_get_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is missing"):
        open_checkpoint(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="is a file"):
        open_checkpoint(tmp_path / "file")
    folder = tmp_path / "native"
    make_native(folder)
    config = folder / "config.json"
    data = json.loads(config.read_text())
    config.write_text(json.dumps({**data, "mar": {"grid": 4}}))
    with pytest.raises(CheckpointError, match="does not describe a UniPic model"):
        open_checkpoint(folder)
    config.write_text("[" * 100_000)
    with pytest.raises((CheckpointError, StorageError), match="is no JSON object"):
        open_checkpoint(folder)


def test_memory_grows_with_the_picture(tmp_path: Path) -> None:
    make_native(tmp_path)
    report = inspect(tmp_path)
    small, large = report.peak_memory(512, 512), report.peak_memory(1024, 1024)
    assert 2 * report.parameters < small < large
