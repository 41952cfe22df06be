"""Each script says in its header what it takes; here header, locals and wrapper are compared."""

import re
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest
from desk import header

from overcrank.clip import Priority
from overcrank.keys import Keys, Period
from overcrank.lifecycle import State
from overcrank.scripts import PARTS, VERBS, KeepFor, Restored, Scripts, Sharing

FOLDER = files("overcrank").joinpath("lua")
TEXTS = {verb: FOLDER.joinpath(f"{verb}.lua").read_text("utf-8") for verb in VERBS}
LONGEST = 90
SHARED = ("prelude", *sorted({part for parts in PARTS.values() for part in parts}))
PERIOD = Period(9, 10_000_000, 11)
PERIODS = {
    "admit": PERIOD, "release": Period(2, 3, 4), "resend": Period(4, 5, 6), "claim": Period(4, 5, 6),
    "grant": Period(3, 4, 5),
}  # fmt: skip
BOOKS = ("lane_window", "lane_day", "project_window", "project_day")


class Recorder:
    """Stands for a server and keeps what each script was called with."""

    def __init__(self) -> None:
        self.called: dict[str, tuple[list[Any], list[Any]]] = {}
        self._answers: list[Any] = []

    def register_script(self, text: str) -> Any:
        """Return a script that goes by its verb."""
        verb = next(verb for verb, own in TEXTS.items() if text.endswith(own))
        return SimpleNamespace(sha=verb, script=text)

    def pipeline(self, **_: Any) -> Any:
        """Return what takes commands."""
        return self

    def execute_command(self, name: str, verb: str, count: int, *rest: Any) -> None:
        """Take a command."""
        assert "EVALSHA" == name
        self.called[verb] = (list(rest[:count]), list(rest[count:]))
        none = {"leave", "grip", "renew", "allow", "trim"}
        self._answers.append({"admit": "0 0"}.get(verb, 0 if verb in none else ["0", "0"]))

    def execute(self, **_: Any) -> list[Any]:
        """Answer what was taken."""
        answers, self._answers = self._answers, []
        return answers


@pytest.fixture
def calls() -> dict[str, tuple[list[Any], list[Any]]]:
    """Every verb called once with arguments that can be told apart."""
    recorder = Recorder()
    scripts = Scripts(recorder, Keys("test"))
    scripts.enter("job_id", Priority.BULK, {"field": "value"}, boost_us=3, sent=True, unique=("p", "k"),
                  sharing=Sharing("wants", "film", "alike", "leader"), share_ttl_s=10, look_us=11,
                  background="behind", now=12)  # fmt: skip
    scripts.take("job_id", "behind", 1)
    scripts.lead("job_id", Priority.BULK, Sharing("wants", "film", "alike", "leader"), version=2, gone="gone",
                 share_ttl_s=5, look_us=6, now=7)  # fmt: skip
    scripts.admit("job_id", "attempt_id", 3, Priority.URGENT, project="project", worker="worker", quote=7, amount=8,
                  period=PERIOD, horizon_us=12, lease_us=13, patience_us=14, probe_us=15, window_ttl_s=16,
                  now=17)  # fmt: skip
    scripts.leave("job_id")
    scripts.release("project", ["job_id"], period=Period(2, 3, 4), now=5)
    scripts.claim("job_id", "attempt_id", project="project", worker="worker", period=Period(4, 5, 6), permit_us=7,
                  lease_us=8, sent_to="sent_to", model="model", body="body", now=12)  # fmt: skip
    scripts.look("job_id", "state", {"field": "value"}, version=3, due_in_us=4, now=5)
    scripts.move("job_id", State.GENERATING, State.FAILED, Priority.BULK, {"field": "value"}, version=3, due_in_us=5,
                 ttl_s=6, unsent=True, booked=("attempt_id", BOOKS, 9, 10), project="project", unique="k",
                 keep_for=KeepFor(11, 12), now=13)  # fmt: skip
    scripts.settle("attempt_id", BOOKS, state="state", cost=3, version=4, keep=True, free=False,
                   keep_for=KeepFor(7, 8), now=9)  # fmt: skip
    scripts.held(["lane_window"])
    scripts.due(1, 2, now=3)
    scripts.grip("job_id", "worker", 2, counted=True)
    scripts.renew("worker", 2, [("job_id", State.ADMITTED)], now=3)
    scripts.cool(1, 2, kind="kind", now=4)
    scripts.retry(1)
    scripts.heard("attempt_id", good=True, admitted_us=3, threshold=4, pause_us=5, longest_us=6, now=7)
    scripts.resend("attempt_id", "job_id", 2, "project", tuple(f"old_{book}" for book in BOOKS),
                   period=Period(4, 5, 6), horizon_us=7, probe_us=8, window_ttl_s=9, now=10)  # fmt: skip
    scripts.allow("allowed", "layer", {"name": "value"}, entry="entry", now=3)
    scripts.grant(1, "project", 6, higher=True, period=Period(3, 4, 5), window_ttl_s=8, now=9)
    scripts.trim("first_entry", "keep_from", 3, [(scripts.keys.limits, "entry", "layer", "name")])
    scripts.rebuild("last_entry", 2, {"restored": Restored(7, ("open_id", 9, 10), {"fields": 1})}, debt_us=3,
                    window="window", day="day", now=6)  # fmt: skip
    return recorder.called


def locals_of(text: str) -> dict[str, list[tuple[str, int]]]:
    """Return the names a script gives its arguments: [(name, index)]."""
    found: dict[str, list[tuple[str, int]]] = {"KEYS": [], "ARGV": []}
    for names, values in re.findall(r"^local ([\w, ]+) = (.*)$", text, re.MULTILINE):
        parts = re.split(r", (?![^(]*\))", values.split(" -- ")[0])
        for name, value in zip(names.split(", "), parts, strict=False):
            if got := re.fullmatch(r"(?:num|clock)?\(?(KEYS|ARGV)\[(\d+)\]\)?(?: == '1')?", value):
                found[got[1]].append((name, int(got[2])))
    return found


def test_every_script_has_a_wrapper_and_every_wrapper_a_script() -> None:
    """No file lies about unused, and none is missing."""
    there = {entry.name.removesuffix(".lua") for entry in FOLDER.iterdir() if entry.name.endswith(".lua")}
    assert there == {*VERBS, *SHARED}


@pytest.mark.parametrize("verb", VERBS)
def test_a_header_says_purpose_keys_arguments_and_answer(verb: str) -> None:
    """A reader need not read on to call it."""
    lead = TEXTS[verb].partition("\nlocal ")[0]
    assert re.fullmatch(
        r"-- [A-Z].*\n(-- .*\n)*-- KEYS: 1 .*\n(--  .*\n)*-- ARGV: 1 .*\n(--  .*\n)*-- RETURNS: .*(\n--  .*)*", lead
    )


@pytest.mark.parametrize("word", ["KEYS", "ARGV"])
@pytest.mark.parametrize("verb", VERBS)
def test_locals_are_named_as_in_the_header(verb: str, word: str) -> None:
    """The n-th argument has the n-th name, throughout."""
    said = header(TEXTS[verb])[word]
    named = locals_of(TEXTS[verb])[word]
    fixed = [name for name in said if not name.endswith("..")]
    assert [{"now_us": "now"}.get(name, name) for name in fixed] == [name for name, _ in named]
    assert list(range(1, len(named) + 1)) == [index for _, index in named]


@pytest.mark.parametrize("verb", VERBS)
def test_the_wrapper_passes_what_the_header_names_in_that_order(
    verb: str, calls: dict[str, tuple[list[Any], list[Any]]]
) -> None:
    """Numbers stand for their own place, texts for their own name, keys end with theirs."""
    keys, arguments = calls[verb]
    said = header(TEXTS[verb])
    names = [part for name in said["ARGV"] for part in name.removesuffix("..").split(", ")]
    assert len(said["KEYS"]) == len(keys)
    assert len(names) == len(arguments)
    job = Keys("test")
    expected_keys = {
        "job": job.job("job_id"),
        "attempt": job.attempt("attempt_id"),
        "unique": job.unique("p" if verb == "enter" else "project", "k"),
        "hand": job.hand("job_id"),
        "same": job.film("film"),
        "alike": job.film("alike"),
        "leading": job.job("leader"),
        "followers": job.followers("leader"),
        "background": job.job("behind"),
        "own_followers": job.followers("job_id"),
        "following": job.state(State.FOLLOWING, Priority.BULK),
        **dict(zip(BOOKS, job.books_of("project", PERIODS[verb]) if verb in PERIODS else BOOKS, strict=True)),
        **{f"old_{book}": f"old_{book}" for book in BOOKS},
        "allowed": "allowed",
        "books": "lane_window",
        "restored": "restored",
        "parked": job.parked("project"),
        "afoot": job.afoot("project"),
        "parked_jobs": job.state(State.PARKED, Priority.NORMAL),
        **{str(priority): job.state(State.QUEUED, priority) for priority in Priority},
        "queued": job.state(State.QUEUED, Priority.URGENT if verb == "admit" else Priority.BULK),
        "admitted": job.state(State.ADMITTED, Priority.BULK),
        "submitting": job.state(State.SUBMITTING, Priority.BULK),
        "from": job.state(State.GENERATING, Priority.BULK),
        "to": job.state(State.FAILED, Priority.BULK),
        "wake": job.wake,
        "news": job.news,
    }
    assert [expected_keys.get(name.removesuffix(".."), f"{{test}}:{name}") for name in said["KEYS"]] == keys
    expected = {
        "sent_to": "sent_to", "model": "model", "body": "body",
        "state": {"enter": "queued", "renew": "admitted"}.get(verb, "state"),
        "priority": "bulk", "wants": "wants", "film": "film", "leader": "leader", "gone": "gone",
        "old": "generating", "new": "failed", "sent": "1", "keyed": "1", "keep": "1", "free": "0", "resend": "1",
        "booked": "attempt_id", "urgent": "1", "good": "1", "project": "project", "kind": "kind", "layer": "layer",
        "entry": "entry", "name": "name", "last_entry": "last_entry", "open_id": "open_id", "fields": '["fields", "1"]',
        "higher": "1", "counted": "1", "first_entry": "first_entry", "keep_from": "keep_from", "window": "window",
        "place": "4" if verb == "trim" else "1",
        "day": "day" if verb == "rebuild" else str(names.index("day") + 1) if "day" in names else "",
        "length": "10000000" if verb == "admit" else str(names.index("length") + 1) if "length" in names else "",
        "records": job.attempt(""),
        "job_id": "job_id", "attempt_id": "attempt_id", "worker": "worker", "field": "field", "value": "value",
    }  # fmt: skip
    for place, (name, given) in enumerate(zip(names, arguments, strict=True), 1):
        assert expected.get(name, str(place)) == str(given), name


@pytest.mark.parametrize("verb", [*VERBS, *SHARED])
def test_a_script_is_short(verb: str) -> None:
    """What does not fit on one screen is not understood."""
    assert len((FOLDER / f"{verb}.lua").read_text("utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_uses_nothing_that_loses_digits_or_differs_between_servers(verb: str) -> None:
    """Lua prints 1763900000123456 as 1.7639000001235e+15; chance and clocks belong to the caller."""
    code = "\n".join(line.split("--")[0] for line in TEXTS[verb].splitlines())
    for banned in ("tostring", "math.random", "os.", "'TIME'", "redis.pcall", "'KEYS'", "'SCAN'", "loadstring"):
        assert banned not in code
    for joined in re.findall(r"\.\.\s*(\w+)\(?", code):
        assert joined == "int"
    for joined in re.findall(r"(\S+)\s*\.\.", code):
        assert joined.endswith(("'", '"'))


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_touches_declared_keys_only(verb: str) -> None:
    """The first argument of each call is one of its KEYS, by name or by index: a cluster has to know them ahead."""
    keys = {name for name, _ in locals_of(TEXTS[verb])["KEYS"]}
    touched = re.findall(r"redis\.call\('\w+', ([\w\[\]]+)", TEXTS[verb])
    assert touched or verb in PARTS
    local = {  # one of several of its KEYS
        "release": {"job", "queue"}, "resend": {"book"}, "grant": {"book"}, "trim": {"allowed"}, "rebuild": {"allowed"},
        "enter": {"queued", "behind", "key"}, "lead": {"key"},
        "held": {"record"},  # of all open attempts, which are too many to declare; they have the hash tag of the rest
    }  # fmt: skip
    assert {name for name in touched if name != "KEYS[i]"} <= keys | local.get(verb, set())


def test_only_the_prelude_reads_the_clock() -> None:
    """One place decides whose time it is: the server's, unless a test gives another."""
    assert "redis.call('TIME')" in FOLDER.joinpath("prelude.lua").read_text("utf-8")
    assert {verb for verb in VERBS if "TIME" in TEXTS[verb]} == set()
