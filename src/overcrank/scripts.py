"""The scripts: loaded from `lua/`, one method a verb. This module alone knows the order of KEYS and ARGV.

Each script takes the server's own time; *now* (microseconds) replaces it in tests. Each may be repeated: a call whose
answer was lost gives the same answer again and changes nothing more.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from redis.exceptions import NoScriptError

from .clip import Priority
from .keys import Keys, Period
from .lifecycle import State
from .money import dollars
from .server import Command, Server, together
from .settings import RetentionSettings

VERBS = (
    "enter", "lead", "take", "admit", "leave", "release", "claim", "move", "look", "settle", "due", "grip", "renew",
    "cool", "heard", "resend", "allow", "grant", "trim", "rebuild", "retry", "held",
)  # fmt: skip
PARTS = {
    "enter": ("share",), "lead": ("share",),
    "admit": ("pace", "line", "budgets", "park"), "release": ("budgets",), "claim": ("budgets",),
    "resend": ("pace", "line", "budgets"), "grant": ("budgets",),
    "move": ("pace", "book"), "settle": ("book",), "cool": ("pace",),
}  # fmt: skip
"""What a script shares with others."""
ASSUMED, OBSERVED, DECIDED, CORRECTED = 1, 2, 3, 4
"""How sure a report of an attempt's cost is: a surer one corrects a less sure one, and never the other way round.

A guess, the provider's word, an operator's verdict on a job, and an operator's correction by the provider's bill."""

QUEUED, ADMITTED, SUBMITTING, PARKED = State.QUEUED, State.ADMITTED, State.SUBMITTING, State.PARKED
FOLLOWING = State.FOLLOWING
ANY = Priority.NORMAL  # the priority does not matter outside the queued index
Books = tuple[str, str, str, str]
"""The keys of the four books of an admission."""


@cache
def source(verb: str) -> str:
    """Return a script's text, with what it shares with others before it."""
    folder = files("overcrank").joinpath("lua")
    parts = ("prelude", *PARTS.get(verb, ()), verb)
    return "".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in parts)


def _when(now: int | None) -> str:
    return "" if now is None else str(now)


def _flat(fields: Mapping[str, Any]) -> list[Any]:
    return [part for pair in fields.items() for part in pair]


class KeepFor(NamedTuple):
    """How long booked things stay, in seconds."""

    attempt_s: int = 0
    window_s: int = 0


FOR_NOTHING = KeepFor()
NO_BOOKS: Books = ("", "", "", "")


def orphaned(attempt_id: str, cost: int) -> str:
    """Return what people are told where an attempt was booked and its record is gone."""
    return f"attempt {attempt_id} came to {dollars(cost)}, and its record is gone: run `overcrank budget rebuild`"


class Sharing(NamedTuple):
    """Which film a job asks for, and whose it may be served with.

    Attributes:
        wants: whom it looks for: `same`, who makes the same film with the same seed; `alike`, who makes it with any;
            `named`, the leader whatever it makes; or nobody.
        film: what stands for the film, with its seed; empty where none is given, so that each is another.
        alike: what stands for it whatever the seed; empty where it is not to be shared at all.
        leader: the job that is believed to make it.
    """

    wants: str = ""
    film: str = ""
    alike: str = ""
    leader: str = ""

    @property
    def key(self) -> str:
        """What stands for what it looks for; empty where it looks for nobody, or knows whom it follows."""
        return {"same": self.film, "alike": self.alike}.get(self.wants, "")


ALONE = Sharing()


def keep_for(retention: RetentionSettings) -> KeepFor:
    """Return how long booked things stay by the settings."""
    attempts, windows = retention.jobs.total_seconds(), retention.windows.total_seconds()
    return KeepFor(round(attempts), round(windows))


class Restored(NamedTuple):
    """A hash that is put back: the seconds it stays, (open attempt, since, its slot until) in µs, and its fields."""

    ttl_s: int | None
    opened: tuple[str, int, int] | None
    fields: Mapping[str, Any]


class Scripts:
    """The verbs over one namespace. *redis* must decode responses and must not retry by itself."""

    def __init__(self, redis: Server, keys: Keys) -> None:
        self.keys, self._redis = keys, redis
        self._run = {verb: redis.register_script(source(verb)) for verb in VERBS}
        self._no_unique = keys.unique("", "")
        self._entered = (
            *(keys.state(QUEUED, each) for each in Priority), keys.state(FOLLOWING, ANY), keys.unsent, keys.due,
            keys.counters, keys.wake,
        )  # fmt: skip

    def _ask(self, verb: str, keys: list[str], args: list[Any], beside: Sequence[Command] = ()) -> Any:
        """Run a verb and return its answer; with commands *beside* it, a list of all answers, in one round trip.

        Where the server has lost the script's text all are run once more: each may come twice.
        """
        script = self._run[verb]
        command = ("EVALSHA", script.sha, len(keys), *keys, *args)
        try:
            answers = together(self._redis, command, *beside)
        except NoScriptError:
            self._redis.script_load(script.script)
            answers = together(self._redis, command, *beside)
        return answers if beside else answers[0]

    def enter(
        self, job_id: str, priority: Priority, fields: Mapping[str, Any], *, boost_us: int, sent: bool,
        unique: tuple[str, str] | None = None, sharing: Sharing = ALONE, share_ttl_s: int = 0, look_us: int = 0,
        background: str = "", now: int | None = None, later: list[Command] | None = None,
    ) -> Any:  # fmt: skip
        """Write a new job. *unique* is (project, key), *background* the job whose clip is put behind its own.

        With *later* it is not sent: the command is put there, the first of them with the script's text.
        """
        k = self.keys
        keys = [
            k.job(job_id), k.unique(*unique) if unique else self._no_unique, k.film(sharing.film),
            k.film(sharing.alike), k.job(sharing.leader), k.followers(sharing.leader), k.followers(job_id),
            *self._entered, k.job(background),
        ]  # fmt: skip
        args = [
            job_id, int(unique is not None), boost_us, QUEUED, int(sent), priority, sharing.wants, sharing.film,
            sharing.leader, share_ttl_s if sharing.alike or sharing.wants else "", look_us, _when(now), *_flat(fields),
        ]  # fmt: skip
        script = self._run["enter"]
        if later is None:
            return self._ask("enter", keys, args)
        # the first brings the text, which is cheaper than to ask whether the server knows it
        what = ("EVALSHA", script.sha) if later else ("EVAL", script.script)
        later.append((*what, len(keys), *keys, *args))
        return None

    def lead(
        self, job_id: str, priority: Priority, sharing: Sharing, *, version: int, gone: str, share_ttl_s: int,
        look_us: int, now: int | None = None,
    ) -> Sequence[str]:  # fmt: skip
        """Have a follower whose leader is *gone* lead and be queued, or follow who leads by now."""
        k = self.keys
        answer: Sequence[str] = self._ask(
            "lead",
            [
                k.job(job_id), k.film(sharing.film), k.film(sharing.alike), k.job(sharing.leader),
                k.followers(sharing.leader), k.state(QUEUED, priority), k.state(FOLLOWING, ANY), k.unsent, k.due,
                k.counters,
            ],
            [job_id, version, gone, sharing.leader, share_ttl_s, look_us, _when(now)],
        )  # fmt: skip
        return answer

    def take(self, job_id: str, background: str, cost: int) -> Sequence[str]:
        """Book a job's part of what its background cost."""
        keys = [self.keys.job(job_id), self.keys.job(background)]
        answer: Sequence[str] = self._ask("take", keys, [cost])
        return answer

    def admit(
        self, job_id: str, attempt_id: str, attempt_no: int, priority: Priority, *, project: str, worker: str,
        quote: int, amount: int, period: Period, horizon_us: int, lease_us: int, patience_us: int, probe_us: int,
        window_ttl_s: int, now: int | None = None, beside: Sequence[Command] = (),
    ) -> Any:  # fmt: skip
        """Ask the gate for one job. *period* is what the caller believes in; the script checks it."""
        k = self.keys
        answer: Any = self._ask(
            "admit",
            [
                k.job(job_id), k.attempt(attempt_id), k.limits, k.lane, k.caps, *k.books_of(project, period), k.journal,
                k.holders, k.present, k.quotes, k.slots, k.due, k.open, k.counters, k.state(QUEUED, priority),
                k.state(ADMITTED, ANY), k.state(PARKED, ANY), k.parked(project), k.parks, k.afoot(project),
            ],
            [
                job_id, attempt_id, attempt_no, worker, project, int(priority is Priority.URGENT), quote, amount,
                *period, horizon_us, lease_us, patience_us, probe_us, window_ttl_s, _when(now),
            ],
            beside,
        )  # fmt: skip
        return [answer[0].split(" "), *answer[1:]] if beside else answer.split(" ")

    def release(self, project: str, job_ids: Sequence[str], *, period: Period, now: int | None = None) -> Sequence[str]:
        """Let go the first of a project's parked jobs, *job_ids* in their order, as far as there is room for them."""
        k = self.keys
        answer: Sequence[str] = self._ask(
            "release",
            [
                k.parked(project), k.parks, k.afoot(project), k.caps, k.lane, k.limits, k.journal,
                *k.books_of(project, period), k.state(PARKED, ANY), k.unsent,
                *(k.state(QUEUED, priority) for priority in Priority), *(k.job(job_id) for job_id in job_ids),
            ],
            [project, *period, _when(now), *job_ids],
        )  # fmt: skip
        return answer

    def leave(self, job_id: str) -> int:
        """Take a job from among those that ask the gate."""
        k = self.keys
        return int(self._ask("leave", [k.holders, k.present, k.quotes], [job_id]))

    def claim(
        self, job_id: str, attempt_id: str, *, project: str, worker: str, period: Period, permit_us: int, lease_us: int,
        sent_to: str, model: str, body: str, now: int | None = None,
    ) -> Sequence[str]:  # fmt: skip
        """Decide who may send the attempt, and freeze it: to whom, for which model, and the body as it goes out.

        *period* is what the caller believes in; the script checks it.
        """
        k = self.keys
        answer: Sequence[str] = self._ask(
            "claim",
            [
                k.job(job_id), k.attempt(attempt_id), k.due, k.state(ADMITTED, ANY), k.state(SUBMITTING, ANY), k.lane,
                k.limits, *k.books_of(project, period),
            ],
            [job_id, attempt_id, worker, *period, permit_us, lease_us, sent_to, model, body, _when(now)],
        )  # fmt: skip
        return answer

    def move(
        self, job_id: str, old: State, new: State, priority: Priority, fields: Mapping[str, Any], *,
        version: int | None, due_in_us: int | None, ttl_s: int | None = None, unsent: bool = False,
        booked: tuple[str, Books, int, int] | None = None, project: str = "", unique: str | None = None,
        keep_for: KeepFor = FOR_NOTHING, now: int | None = None, beside: Sequence[Command] = (),
    ) -> Any:  # fmt: skip
        """Compare and set a job's state. *due_in_us* is when to look at it again; None is never.

        *booked* is (attempt id, its books, cost, version): what it came to, whose reservation and slot are given back.
        *unique* is the job's key, which is forgotten some time after its end.
        """
        k = self.keys
        attempt_id, books, cost, booked_version = booked or ("", (k.attempt(""),) * 4, 0, 0)
        return self._ask(
            "move",
            [
                k.job(job_id), k.due, k.state(old, priority), k.state(new, priority), k.counters, k.unsent, k.news,
                k.attempt(attempt_id), k.slots, k.journal, k.open, k.wake, k.parked(project),
                k.afoot(project), k.lane, k.limits, *books, k.unique(project, unique or ""),
            ],
            [
                job_id, old, "" if version is None else version, new, "" if due_in_us is None else due_in_us,
                "" if ttl_s is None else ttl_s, int(unsent), attempt_id, cost, booked_version, *keep_for, _when(now),
                *_flat(fields),
            ],
            beside,
        )  # fmt: skip

    def look(
        self, job_id: str, state: State, fields: Mapping[str, Any], *, version: int, due_in_us: int | None,
        now: int | None = None,
    ) -> Sequence[str]:  # fmt: skip
        """Set when to look at a job again (None: leave that) and what was seen, if it is still in *state*."""
        k, due = self.keys, "" if due_in_us is None else due_in_us
        answer: Sequence[str] = self._ask(
            "look", [k.job(job_id), k.due], [job_id, state, version, due, _when(now), *_flat(fields)]
        )
        return answer

    def settle(
        self, attempt_id: str, books: Books, *, state: str, cost: int, version: int, keep: bool, free: bool,
        keep_for: KeepFor, now: int | None = None,
    ) -> Sequence[str]:  # fmt: skip
        """Book what an attempt came to: *cost* µ$ in all, and whether its reservation and its slot stay."""
        k = self.keys
        answer: Sequence[str] = self._ask(
            "settle",
            [k.attempt(attempt_id), k.slots, k.journal, k.open, k.wake, *books],
            [attempt_id, state, cost, version, int(keep), int(free), *keep_for, _when(now)],
        )  # fmt: skip
        return answer

    def held(self, books: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return what each of the lane's books has reserved, as it says, and what the open attempts hold in it (µ$)."""
        said: list[str] = self._ask("held", [self.keys.open, *books], [self.keys.attempt("")])
        return {book: (said[2 * place], int(said[2 * place + 1])) for place, book in enumerate(books)}

    def due(self, most: int, lease_us: int, now: int | None = None) -> list[str]:
        """Take up to *most* jobs that somebody must look at now."""
        found: list[str] = self._ask("due", [self.keys.due], [most, lease_us, _when(now)])
        return found[1:]

    def grip(self, job_id: str, worker: str, lease_ms: int, *, counted: bool) -> int:
        """Take a job's bytes in hand; return -1 where another has them, else how many runs have not come back."""
        keys = [self.keys.hand(job_id), self.keys.job(job_id)]
        return int(self._ask("grip", keys, [worker, lease_ms, int(counted)]))

    def renew(self, worker: str, lease_us: int, in_hand: Iterable[tuple[str, State]], now: int | None = None) -> int:
        """Say that a worker is alive, and which jobs it has in hand in which state."""
        jobs = list(in_hand)
        k = self.keys
        return int(
            self._ask(
                "renew",
                [k.workers, k.due, *(k.job(job_id) for job_id, _ in jobs)],
                [worker, lease_us, _when(now), *(part for pair in jobs for part in pair)],
            )
        )

    def cool(self, wait_us: int, admitted_us: int, *, kind: str, now: int | None = None) -> tuple[int, int]:
        """Say that there were too many calls, or too many at once; return until when the lane waits, and its rate.

        The rate is in millionths of the full one.
        """
        k = self.keys
        until, ppm = self._ask("cool", [k.lane, k.limits, k.slots], [wait_us, admitted_us, kind, _when(now)])
        return int(until), int(ppm)

    def retry(self, price: int) -> bool:
        """Take credit for a retry from the lane; tell whether there was any."""
        return bool(self._ask("retry", [self.keys.lane], [price]))

    def heard(
        self, attempt_id: str, *, good: bool, admitted_us: int, threshold: int, pause_us: int, longest_us: int,
        now: int | None = None,
    ) -> Sequence[str]:  # fmt: skip
        """Tell the breaker what came of a call."""
        k = self.keys
        answer: Sequence[str] = self._ask(
            "heard",
            [k.lane, k.wake],
            [attempt_id, int(good), admitted_us, threshold, pause_us, longest_us, _when(now)],
        )
        return answer

    def resend(
        self, attempt_id: str, job_id: str, version: int, project: str, books: Books, *, period: Period,
        horizon_us: int, probe_us: int, window_ttl_s: int, now: int | None = None,
    ) -> Sequence[str]:  # fmt: skip
        """Ask for a permit to send an attempt once more; what it has booked comes along into the current window.

        *version* is the job's as the caller knows it, and *books* those the caller believes the attempt to be in.
        """
        k = self.keys
        answer: Sequence[str] = self._ask(
            "resend",
            [
                k.limits, k.lane, k.caps, k.journal, k.job(job_id), k.attempt(attempt_id), k.slots, k.open,
                *k.books_of(project, period), *books,
            ],
            [attempt_id, version, project, *period, horizon_us, probe_us, window_ttl_s, _when(now)],
        )  # fmt: skip
        return answer

    def allow(self, allowed: str, layer: str, values: Mapping[str, Any], *, entry: str, now: int | None = None) -> int:
        """Write what is allowed in the hash *allowed*; None takes a value away. Return how many count differently now.

        *layer* is `configured` or `override`, which counts before it; or empty, where there is but one. Where
        something that an operator said is lost, nothing is written and the answer is -1.
        """
        k = self.keys
        given = {name: "" if value is None else value for name, value in values.items()}
        return int(
            self._ask(
                "allow",
                [allowed, k.journal, k.wake, k.lane],
                [layer, entry, _when(now), *_flat(given)],
            )
        )

    def grant(
        self, place: int, project: str, amount: int | None, *, higher: bool, period: Period, window_ttl_s: int,
        now: int | None = None,
    ) -> Sequence[str]:  # fmt: skip
        """Have a cap count in one book of a period alone, the *place*-th of `SPANS` from 1; None takes it away.

        *higher* changes nothing where the cap that counts is as high already. The script checks the period.
        """
        k = self.keys
        answer: Sequence[str] = self._ask(
            "grant",
            [k.lane, k.limits, k.caps, k.journal, k.wake, *k.books_of(project, period)],
            [
                place, project, *period, "" if amount is None else amount, int(higher), window_ttl_s, _when(now),
            ],
        )  # fmt: skip
        return answer

    def trim(self, first_entry: str, keep_from: str, since_us: int, words: Iterable[tuple[str, str, str, str]]) -> int:
        """Let go of what the journal has before *keep_from*, if *first_entry* still is its first; return how many.

        *words* are what operators said in it, as (hash, entry, layer, name): what of it still counts is kept.
        """
        k = self.keys
        places = {k.caps: 3, k.limits: 4}
        flat = [part for allowed, *word in words for part in (places[allowed], *word)]
        return int(self._ask("trim", [k.journal, k.lane, k.caps, k.limits], [first_entry, keep_from, since_us, *flat]))

    def rebuild(
        self, last_entry: str, epoch: int, restored: Mapping[str, Restored], *, debt_us: int, window: str = "",
        day: str = "", now: int | None = None,
    ) -> Sequence[str]:  # fmt: skip
        """Write books, attempts and what is allowed back, by key, where *last_entry* still is the journal's last.

        *window* and *day* are the lane's current books, where they are among them.
        """
        k = self.keys
        flat: list[Any] = []
        for ttl_s, opened, fields in restored.values():
            flat += [
                "" if ttl_s is None else ttl_s,
                *(opened or ("", 0, 0)),
                json.dumps([*map(str, _flat(fields))]),
            ]
        answer: Sequence[str] = self._ask(
            "rebuild",
            [k.lane, k.journal, k.open, k.slots, k.wake, k.caps, k.limits, *restored],
            [last_entry, epoch, debt_us, window, day, _when(now), *flat],
        )
        return answer
