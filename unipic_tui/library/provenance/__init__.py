"""How a picture was made, read from its file: where texts lie, and what each tool writes."""

from unipic_tui.library.provenance.formats import OWN
from unipic_tui.library.provenance.making import (
    FILE,
    read_making,
    read_metadata,
    read_provenance,
)
from unipic_tui.library.provenance.result import Provenance

__all__ = ["FILE", "OWN", "Provenance", "read_making", "read_metadata", "read_provenance"]
