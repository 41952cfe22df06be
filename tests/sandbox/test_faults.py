"""The fault plan: repeatable, bounded, and forced where a test wants it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.sandbox.faults import KNOWN, FaultDeck, FaultPlan

PLAN = FaultPlan.read({"submit": {"drop_after": 0.3, "error_500": 0.3}, "max_per_key": 1000})


@given(seed=st.integers(0, 10**9), keys=st.lists(st.sampled_from("abcdef"), max_size=40), order=st.randoms())
def test_what_hits_a_key_does_not_depend_on_the_others(seed: int, keys: list[str], order: object) -> None:
    """In whatever order the keys call, each meets its own faults in its own order."""

    def dealt(calls: list[str]) -> dict[str, list[str | None]]:
        deck = FaultDeck(PLAN, seed)
        met: dict[str, list[str | None]] = {}
        for key in calls:
            met.setdefault(key, []).append(deck.deal("submit", key))
        return met

    shuffled = list(keys)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert dealt(keys) == dealt(shuffled)


def test_shares_are_met_in_the_long_run() -> None:
    """A fault of three in ten hits about three keys in ten."""
    deck = FaultDeck(PLAN, 1)
    dealt = [deck.deal("submit", f"key-{number}") for number in range(4000)]
    assert pytest.approx([dealt.count(fault) / 4000 for fault in ("drop_after", "error_500", None)], abs=0.03) == [
        0.3,
        0.3,
        0.4,
    ]


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_a_key_is_hit_only_so_often(most: int) -> None:
    """`max_per_key` bounds how often one key is hit, so that finite retries get through."""
    deck = FaultDeck(FaultPlan.read({"status": {"drop": 1}, "max_per_key": most}), 1)
    assert ["drop"] * most + [None] * 3 == [deck.deal("status", "a") for _ in range(most + 3)]


def test_only_first_spares_every_later_call() -> None:
    """`only_first` limits faults to the first call of a key."""
    deck = FaultDeck(FaultPlan.read({"status": {"drop": 1}, "only_first": True}), 1)
    assert [deck.deal("status", key) for key in ("a", "a", "b", "b")] == ["drop", None, "drop", None]


def test_a_fault_that_means_nothing_now_neither_happens_nor_counts() -> None:
    """What cannot happen in this state is left for a call where it can."""
    deck = FaultDeck(FaultPlan.read({"status": {"missing_cost": 1}, "max_per_key": 1}), 1)
    deck.force("status", "backwards")
    assert [
        deck.deal("status", "a", possible) for possible in (set(), {"backwards"}, {"missing_cost"}, {"missing_cost"})
    ] == [None, "backwards", "missing_cost", None]


@pytest.mark.parametrize(("stage", "fault"), [(stage, fault) for stage in KNOWN for fault in KNOWN[stage]])
def test_every_known_fault_can_be_planned_and_forced(stage: str, fault: str) -> None:
    """Each name of the catalogue works in a plan and by force."""
    deck = FaultDeck(FaultPlan.read({stage: {fault: 1.0}}), 1)
    deck.force(stage, fault)
    assert [fault, fault] == [deck.deal(stage, "a"), deck.deal(stage, "a")]


def test_an_unknown_name_cannot_be_forced() -> None:
    """Forcing a fault checks its name too."""
    with pytest.raises(ValueError, match="did you mean 'content'"):
        FaultDeck(PLAN, 1).force("contents", "drop")
