"""`batch run` as a script reads it."""

import json
from pathlib import Path

from overcrank.cli.exits import Exit

from .conftest import Shell


def test_its_last_line_is_a_document_too(shell: Shell, folder: Path):
    """With `--json` what it came to is data on standard output: how many are done, failed and rejected, and where."""
    (folder / "clips.jsonl").write_text('{"prompt": "x", "fps": 7}\n')
    result = shell("batch", "run", "clips.jsonl", "--json")
    assert {"done": 0, "failed": 0, "rejected": 1, "results": "clips.jsonl.results.jsonl"} == json.loads(
        result.stdout.splitlines()[-1]
    )
    assert Exit.FAILED == result.exit_code
