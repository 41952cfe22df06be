"""What the documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("document", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_every_test_that_a_document_names_is_there(document: str) -> None:
    """A row that says which test shows it does not say so in vain."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    missing = []
    for file, name in re.findall(r"`([\w/]+\.py)(?:::(test_\w+))?`", text):
        path = ROOT / file if "/" in file else ROOT / "tests" / "system" / file
        if not path.exists() or (name and f"def {name}(" not in path.read_text("utf-8")):
            missing.append(f"{file}::{name}")

    assert [] == missing
