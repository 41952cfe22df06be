"""The life of a job: one table, and everything that is said about it elsewhere."""

import ast
import inspect
import re
from itertools import pairwise, product
from pathlib import Path

import pytest

from overcrank import lifecycle
from overcrank.lifecycle import ENDS, IN_FLIGHT, MOVES, WAITING, State, allowed, chart

DOCS = Path(__file__).parent.parent / "docs" / "lifecycle.md"


def meanings() -> dict[State, str]:
    """Return each state's docstring, which stands below it in the source."""
    body = next(
        node for node in ast.parse(inspect.getsource(lifecycle)).body if getattr(node, "name", "") == "State"
    ).body
    return {
        State(before.value.value): " ".join(after.value.value.split())
        for before, after in pairwise(body)
        if isinstance(before, ast.Assign) and isinstance(after, ast.Expr)
    }


@pytest.mark.parametrize(("old", "new"), list(product(State, State)))
def test_every_pair_of_states_is_a_move_exactly_where_the_table_says_so(old: State, new: State) -> None:
    """There is no other opinion about what may follow what."""
    assert (new in MOVES[old]) == allowed(old, new)
    assert (f"    {old} --> {new}" in chart().splitlines()) == allowed(old, new)


def test_every_state_is_in_one_phase_of_life() -> None:
    """It waits, is in flight, or has ended; never two of them."""
    assert set(State) == WAITING | IN_FLIGHT | ENDS
    assert len(State) == len(WAITING) + len(IN_FLIGHT) + len(ENDS)


def test_no_end_is_left_and_every_end_can_be_reached() -> None:
    """From the queue there is a way to every state, and from every state to an end."""
    reached, edge = {State.QUEUED}, {State.QUEUED}
    while edge:
        edge = {new for old in edge for new in MOVES[old]} - reached
        reached |= edge
    assert set(State) == reached
    assert {state for state in State if not MOVES[state]} == ENDS
    assert all(MOVES[state] & (set(State) - {state}) for state in State if state not in ENDS)


def test_nothing_that_may_be_bought_is_cancelled_or_called_refused() -> None:
    """Once the first byte may have left there is no way to an end that says nothing was spent."""
    for state in (State.SUBMITTING, State.IN_DOUBT, State.GENERATING, State.UNDELIVERED, State.FETCHED):
        assert not MOVES[state] & {State.CANCELLED, State.REFUSED}


def test_what_was_paid_for_is_never_sent_again() -> None:
    """From the moment the clip exists there is no way back to the queue."""
    assert State.QUEUED not in MOVES[State.UNDELIVERED] | MOVES[State.FETCHED]


def test_the_chart_in_the_docs_is_the_table() -> None:
    """The picture people look at and the table the program obeys are one."""
    drawn = re.search(r"```mermaid\n(.*?)\n```", DOCS.read_text("utf-8"), re.DOTALL)
    assert drawn is not None
    assert chart() == drawn[1]


@pytest.mark.parametrize("state", State)
def test_the_docs_say_of_each_state_what_its_docstring_says(state: State) -> None:
    """A paragraph for every state, in the words of the source."""
    paragraphs = dict(re.findall(r"\*\*`(\w+)`\*\* (.*?)(?=\n\n|\Z)", DOCS.read_text("utf-8"), re.DOTALL))
    assert set(State) == {State(name) for name in paragraphs}
    assert meanings()[state] in " ".join(paragraphs[state].split())
