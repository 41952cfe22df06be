"""Clips before anything is written: read, checked and priced, and what is to come if they are submitted."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .admission.foresight import Estimate
from .clip import Clip, Priority, read_clip
from .clock import SECOND, iso
from .errors import InvalidClip, OverBudget
from .media.recipe import recipe, way_home
from .money import dollars
from .outage import asked
from .planning import wishes
from .planning.physics import settled
from .planning.planner import Plan, Wanted, plan
from .runtime import Runtime

AnyClip = Clip | dict[str, Any] | str
"""A clip, its fields, or just a prompt."""

AnyPriority = Priority | str | int | None
"""A priority, its name or number, or none: the clip's own."""


class Quoting:
    """Says what clips are and cost; see `Client` for what goes wrong with them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._model = runtime.settings.provider.model

    @property
    def cap(self) -> int:
        """What a whole budget window of the lane holds now, in µ$."""
        stored = asked(lambda: self._runtime.caps.of("lane/window"))
        return self._runtime.settings.budget.cap if stored is None else stored

    def read(self, clip: AnyClip, priority: AnyPriority, cap: int) -> tuple[Clip, int]:
        """Return the clip that is meant, with *priority* if there is one, and its price, which *cap* has to hold."""
        fields: Any = {"prompt": clip} if isinstance(clip, str) else clip
        if priority is not None:
            fields = fields.model_dump(exclude_unset=True) if isinstance(fields, Clip) else dict(fields)
            fields["priority"] = priority
        checked = settled(read_clip(fields))
        recipe(checked)
        if checked.deadline and not checked.unique_key:  # with a key, it may stand for a job that is there
            now = asked(self._runtime.jobs.about_now)
            if checked.deadline.timestamp() * SECOND <= now:
                raise InvalidClip(
                    f"deadline: {checked.deadline.isoformat()} is over: it is {iso(now)}; nothing was sent"
                )
        quote = self._runtime.prices.quote(checked, self._model)
        if quote > cap:
            raise OverBudget(
                f"{checked.line} costs {dollars(quote)} and a whole budget window holds {dollars(cap)}: raise "
                "OVERCRANK_BUDGET__CAP or ask for a cheaper clip"
            )
        return checked, quote

    def estimate(self, clips: AnyClip | Iterable[AnyClip]) -> Estimate:
        """Return what a clip or a batch would cost, when it would start, and whether it fits."""
        batch = [clips] if isinstance(clips, Clip | dict | str) else list(clips)
        read = [settled(read_clip({"prompt": clip} if isinstance(clip, str) else clip)) for clip in batch]
        priced = [(clip, self._runtime.prices.quote(clip, self._model)) for clip in read]
        return asked(lambda: self._runtime.foresight.estimate(priced))

    def plan(self, wanted: Wanted | AnyClip, given: dict[str, Any]) -> Plan:
        """Return the cheapest clip that is good enough for what is *wanted*, and *given* beside it."""
        if not isinstance(wanted, Wanted):
            fields: Any = {"prompt": wanted} if isinstance(wanted, str) else wanted
            fields = fields.model_dump(exclude_unset=True) if isinstance(fields, Clip) else fields
            wanted = wishes.wanted({**fields, **given})
        if wanted.within is not None:
            starts = self.estimate(wanted.clip).starts_in
            wanted = replace(wanted, delay=round((starts + way_home(wanted.clip)) * 1000))
        return plan(wanted, self._runtime.prices, self._model, recipe)
