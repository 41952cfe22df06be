"""How the queue, the lane and the budget stand, as people see it."""

from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .style import bar, live_badge, span, state

ENDS = ("succeeded", "failed", "refused", "cancelled", "discarded")


def _grid() -> Table:
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column()
    return made


def _counts(counts: dict[str, int], *, all_of_them: bool = False) -> Text:
    shown = [(name, count) for name, count in counts.items() if count or all_of_them]
    if not shown:
        return Text("none", style="dim")
    parts: list[Any] = []
    for name, count in shown:
        parts += [(str(count), "bold"), " ", (name, state(name).style), "   "]
    return Text.assemble(*parts[:-1])


def lane_text(lane: dict[str, Any]) -> Text:
    """Return in words whether the lane lets anybody call."""
    if lane["stopped"]:
        return Text(f"STOPPED: {lane['stopped']}; `overcrank resume` opens it", style="bold red")
    if lane.get("broken_until") or lane.get("broken"):
        return Text("broken: calls failed in a row; one at a time tries again", style="yellow")
    if lane.get("cool_until") or lane.get("cooling"):
        return Text("cooling down after a 429", style="yellow")
    if lane["slowed_to"] < 1:
        return Text(f"open, slowed to {lane['slowed_to']:.0%} after a 429", style="yellow")
    return Text("open", style="green")


def stats_view(stats: dict[str, Any], *, live: bool) -> RenderableType:
    """Return how everything stands."""
    lane = stats["lane"]
    spent, reserved, cap = (float(stats[f"{name}_usd"]) for name in ("spent", "reserved", "cap"))
    made = _grid()
    made.add_row("provider", live_badge(live))
    made.add_row("queued", _counts(stats["queued"], all_of_them=True))
    made.add_row("", Text(f"{stats['holding']} hold at the gate, {stats['parked']} parked", style="dim"))
    if stats["following"] or stats["reused"]:
        told = f"{stats['following']} follow another, {stats['reused']} were served, ${stats['saved_usd']} saved"
        made.add_row("", Text(told, style="dim"))
    made.add_row("in flight", _counts(stats["in_flight"]))
    made.add_row("ended", _counts({name: stats[name] for name in ENDS}))
    made.add_row("success", f"{stats['success_rate']:.1%}" if stats["succeeded"] + stats["failed"] else "–")
    made.add_row("budget", Text.assemble(bar(spent, reserved, cap, 30), f"  ${stats['room_usd']} left"))
    made.add_row("", Text(f"${stats['spent_usd']} spent, ${stats['reserved_usd']} reserved of ${stats['cap_usd']}; "
                          f"next window in {span(stats['next_reset_in'])}", style="dim"))  # fmt: skip
    permits = "no limit" if stats["permits_left"] is None else f"{stats['permits_left']} permits left"
    slots = f"{stats['at_provider']} of {lane['concurrency'] or '∞'} at the provider"
    made.add_row("lane", Text.assemble(lane_text(lane), f", {permits}, {lane['rate']:g}/s, {slots}"))
    alive = stats["workers"]
    made.add_row(
        "workers", Text(str(alive) if alive else "none: start `overcrank worker`", style="" if alive else "yellow")
    )
    return made


def budget_view(books: dict[str, Any]) -> RenderableType:
    """Return the budget."""
    window, last = books["window"], books["last_window"]
    made = _grid()
    made.add_row("spending", live_badge(books["live"]))
    if not books["configured"]:
        told = books["settings"]
        made.add_row("window", Text("no worker has set the budget yet: start `overcrank worker`", style="yellow"))
        made.add_row("settings", f"${told['cap_usd']} every {span(told['window_seconds'])}")
        return made
    spent, reserved, cap = (float(window[f"{name}_usd"]) for name in ("spent", "reserved", "cap"))
    made.add_row("window", f"{window['start']} to {window['end']}")
    made.add_row("used", Text.assemble(bar(spent, reserved, cap, 30), f"  {window['used_percent']:g} %"))
    made.add_row("spent", f"${window['spent_usd']}")
    made.add_row("reserved", f"${window['reserved_usd']}")
    made.add_row("room", Text(f"${window['room_usd']} of ${window['cap_usd']}", style="bold"))
    made.add_row("next reset", f"in {span(books['next_reset_in'])}, at {books['next_reset']}")
    made.add_row("last window", f"${last['spent_usd']} spent of ${last['cap_usd']}")
    made.add_row("last tick", _tick(books))
    _more(made, books)
    if books["settings"]["cap_usd"] != window["cap_usd"]:
        later = f"${books['settings']['cap_usd']}: takes effect when a worker starts"
        made.add_row("settings", Text(later, style="yellow"))
    return made


def _more(made: Table, books: dict[str, Any]) -> None:
    """Add what there is beside the lane's window: other caps, who is paused or parked, and what is to come."""
    for cap in books.get("caps", ()):
        unit = " %" if cap["span"] == "lane/urgent" else ""
        if cap["counts"] is not None and (cap["span"] != "lane/window" or cap["override"] is not None):
            by = " (an operator's)" if cap["override"] is not None else ""
            made.add_row(cap["span"], f"{'' if unit else '$'}{cap['counts']}{unit}{by}")
    for owner, why in books.get("paused", {}).items():
        made.add_row("paused", Text(f"{owner}: {why}", style="yellow"))
    if closed := books.get("closed"):
        made.add_row("books", _closed(closed))
    parked = books.get("parked", {})
    if parked:
        made.add_row("parked", ", ".join(f"{count} of {project}" for project, count in parked.items()))
    outlook = books.get("outlook")
    if outlook:
        lasts = outlook["lasts_seconds"]
        end = "" if lasts is None else f", used up in {span(lasts)}"
        made.add_row("to come", f"${outlook['burn_usd_per_hour']} an hour{end}; ${outlook['waiting_usd']} waits")


def _closed(closed: dict[str, Any]) -> Text:
    """Return in words what the last closing of the books found, and the last tick."""
    if closed["differences"] or closed["wrong_now"]:
        found = f"{closed['differences']} differences when they were closed, {closed['wrong_now']} books wrong now"
        return Text(f"{found}: see `overcrank budget audit`", style="bold red")
    return Text(f"proved by the journal up to {closed['through']}")


def _tick(books: dict[str, Any]) -> Text:
    if books["last_tick_age"] is None:
        return Text("never: start `overcrank beat`, or a worker of role all or wait", style="yellow")
    if not books["ticking"]:
        return Text(
            f"{span(books['last_tick_age'])} ago: nobody keeps the calendar, so what is held waits; "
            "start `overcrank beat`",
            style="bold yellow",
        )
    return Text(f"{span(books['last_tick_age'])} ago")


def limits_view(limits: dict[str, Any]) -> RenderableType:
    """Return what the provider allows."""
    made = _grid()
    made.add_row("provider", Text.assemble(live_badge(limits["live"]), f" {limits['provider']}"))
    made.add_row("lane", lane_text(limits))
    permits = "" if limits["permits_left"] is None else f", {limits['permits_left']} left now"
    rate = f"{limits['rate']:g} calls a second, burst {limits['burst']}{permits}" if limits["rate"] else "no limit"
    made.add_row("rate", rate)
    made.add_row("generations", f"{limits['at_provider']} of {limits['concurrency'] or '∞'} at the provider")
    told = limits["settings"]
    if limits["burst"] != told["burst"] or limits["concurrency"] != told["concurrency"]:
        made.add_row("settings", Text(f"{told['rate']:g}/s, burst {told['burst']}, {told['concurrency']} at once: "
                                      "they take effect when a worker starts", style="yellow"))  # fmt: skip
    return made
