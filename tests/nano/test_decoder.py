"""Training the decoder on the model's own drawings."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine import decoder
from unipic_tui.nano.refine.decoder import DecoderSamples, sharp_loss
from unipic_tui.nano.train import __main__ as train
from unipic_tui.nano.train import loop
from unipic_tui.nano.train.autoencoder import to_tensor
from unipic_tui.nano.train.samples import encode_scenes
from unipic_tui.nano.world.detect import detect
from unipic_tui.nano.world.render import render
from unipic_tui.nano.world.scene import Scene, Shape, generator
from unipic_tui.paths import EMBEDDED_CHECKPOINT


def test_drawings_come_with_the_pictures_of_what_is_read_in_them(
    model: UniPicModel, codec: PromptCodec
) -> None:
    torch.manual_seed(0)
    samples = DecoderSamples(model, codec, generator("train", 2))
    drawn = samples.draw(16, head_steps=20)
    assert list(samples.drawings) == drawn
    assert len(drawn) > 5
    for each in drawn:
        found = detect(each.picture)
        scene = Scene(found.ground, found.objects)
        # The reading of a rendered picture is off by a fraction of a pixel.
        assert (encode_scenes(model, [scene])[0] - (each.latents - each.error)).abs().mean() < 0.1
        decoded = model.vae.decode(each.latents.view(1, 4, 4, -1))
        assert (decoded - to_tensor(each.picture[None])).abs().mean() < 0.1


def test_a_batch_is_half_drawings_and_half_noised_encodings(
    model: UniPicModel, codec: PromptCodec
) -> None:
    torch.manual_seed(0)
    samples = DecoderSamples(model, codec, generator("train", 2))
    latents, images = samples.batch(4)
    encoded = model.vae.encode(images).flatten(1, 2)
    torch.testing.assert_close(latents, encoded, atol=0.1, rtol=0.1)  # nothing drawn: no noise
    drawn = samples.draw(8, head_steps=20)
    latents, images = samples.batch(16)
    assert latents.shape == (16, 16, 16)
    assert images.shape == (16, 3, 64, 64)
    of_drawings = [any(torch.equal(row, each.latents) for each in drawn) for row in latents]
    assert of_drawings == [True] * 8 + [False] * 8
    error = (latents - model.vae.encode(images).flatten(1, 2))[8:].std()
    assert 0.02 < error < torch.stack([each.error for each in drawn]).std()


def test_a_blurred_outline_costs_more_than_a_shifted_colour() -> None:
    picture = render(Scene("grey", (Shape("circle", "red", 30.0, 34.0, 16.0),)))
    image = to_tensor(picture[None])
    blurred = torch.nn.functional.avg_pool2d(image, 5, stride=1, padding=2, count_include_pad=False)
    tinted = image + (blurred - image).abs().mean()
    loss, gap = sharp_loss(blurred, image)
    even, same_gap = sharp_loss(tinted, image)
    assert float(gap) == pytest.approx(float(same_gap), rel=1e-4)
    assert loss > 2 * even
    assert sharp_loss(image, image)[0] == 0


def test_only_the_decoder_is_trained_and_a_run_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "FIRST_DRAWINGS", 4)
    monkeypatch.setattr(decoder, "LOG_EVERY", 1)
    monkeypatch.setattr(decoder, "BATCH", 4)
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 0.01)  # so that one step shows
    monkeypatch.setattr(decoder, "HEAD_STEPS", 4)
    folder = tmp_path / "run"
    arguments = ["--folder", str(folder), "--init", str(EMBEDDED_CHECKPOINT), "--decoder"]
    assert train.main([*arguments, "--minutes", "0.05"]) == 0
    before, after = (
        load_file(path / "model.safetensors")
        for path in (EMBEDDED_CHECKPOINT, folder / "checkpoint")
    )
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    trained = ("vae.decoder.", "vae.post_quant_conv.")
    assert changed
    assert all(name.startswith(trained) for name in changed), changed
    logged = [json.loads(line) for line in (folder / "decoder.jsonl").read_text().splitlines()]
    assert train.main([*arguments, "--minutes", str(logged[-1]["minutes"] + 0.1)]) == 0
    again = [json.loads(line) for line in (folder / "decoder.jsonl").read_text().splitlines()]
    assert again[: len(logged)] == logged
    assert [record["step"] for record in again[len(logged) :]][:1] == [logged[-1]["step"] + 1]


def test_the_decoder_of_no_model_cannot_be_trained(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, problem in (
        (["--decoder"], "--decoder needs a trained checkpoint: name its folder with --init"),
        (["--decoder", "--refine"], "not allowed with"),
    ):
        with pytest.raises(SystemExit) as stopped:
            train.main(arguments)
        assert stopped.value.code == 2
        assert problem in capsys.readouterr().err
