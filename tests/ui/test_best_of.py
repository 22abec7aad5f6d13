"""Best of N in the app: the best picture is shown, the others lie behind it with their marks."""

from __future__ import annotations

from pathlib import Path

from tests.ui.harness import running_app
from unipic_tui.jobs import GenerateJob


async def test_the_best_is_chosen_and_the_others_are_kept(tmp_path: Path) -> None:
    async with running_app(tmp_path) as driver:
        await driver.write("a red ring")
        driver.screen.composer.settings.put({"best_of": "3"})
        await driver.press("ctrl+r")
        await driver.settle()
        studio = driver.state
        assert studio.entry is not None and isinstance(studio.entry.job, GenerateJob)
        assert studio.entry.job.best_of == 3
        pictures = studio.current.pictures_of(studio.entry.id)
        assert len(pictures) == 3
        assert studio.picture_id == pictures[0].id
        assert all(picture.note.startswith("Mark 0.") for picture in pictures)
        assert "Mark 0." in driver.details()
