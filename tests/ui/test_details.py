"""The text beside the picture."""

from __future__ import annotations

import pytest

from unipic_tui.job_settings import settings_of
from unipic_tui.jobs import KINDS, Job
from unipic_tui.ui.widgets.details import _table


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_value_stands_apart_from_its_name(kind: type[Job]) -> None:
    rows = [(each.label, "value") for each in settings_of(kind)]
    lines = "".join(text for text, _ in _table(rows)).split("\n")[1:]
    assert len({line.index(" value") for line in lines}) == 1
    assert [line.removesuffix("value").rstrip() for line in lines] == [name for name, _ in rows]
