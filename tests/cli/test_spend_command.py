"""`overcrank spend`: what jobs cost, what was saved, and what they cost with their backgrounds."""

from dataclasses import replace

from overcrank.store.archive import Row

from .conftest import Shell

ROW = Row(
    id="front", project="film", model="m", priority="normal", state="succeeded", mode="slow_motion", fps=120,
    duration=5.0, resolution="1920x1080", prompt="a ball", quote=3_000_000, cost=3_000_000, attempts=1,
    created="2026-11-24T10:00:00.000Z", ended="2026-11-24T10:00:10.000Z", error="", url="file:///a", sha256="0" * 64,
)  # fmt: skip


def test_savings_and_shares_are_said_beside_the_cost(shell: Shell):
    """Parts of a background change no total: what one has another gave."""
    shell.client._runtime.archive.keep([
        replace(ROW, share=1_000_000, background="back"), replace(ROW, id="back", prompt="a beach", mode="time_lapse"),
        replace(ROW, id="served", cost=0, saved=3_000_000, served_by="front"),
    ])  # fmt: skip
    whole, by_mode = shell.json("spend", "--by", ""), shell.lines("spend", "--by", "mode")
    assert ("6.00", "3.00", "1.00", "1.00") == tuple(whole[f"{n}_usd"] for n in ("cost", "saved", "share", "shared"))
    assert [("slow_motion", "1.00", "0.00"), ("time_lapse", "0.00", "1.00")] == [
        (entry["mode"], entry["share_usd"], entry["shared_usd"]) for entry in by_mode
    ]
    assert ["$3.00", "$3.00", "$4.00"] == shell("spend", "--by", "mode").stdout.splitlines()[1].split()[-3:]
