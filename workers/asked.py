"""What somebody else's message asks for: code that knows nothing of ours sends a clip's own fields."""

from collections.abc import Mapping
from typing import Any

from overcrank import wire
from overcrank.clip import Clip, Priority, read_clip
from overcrank.errors import InvalidClip
from overcrank.media.recipe import recipe


def clip_of(previous: Any, fields: Mapping[str, Any], delivery: Mapping[str, Any] | None) -> Clip:
    """Return the clip that a message's arguments describe; *previous* is the result of the task before it in a chain.

    Raises:
        InvalidClip: a field is wrong, or these are no fields.
    """
    given = dict(fields)
    if isinstance(previous, str):  # the task before it wrote the prompt
        given = {"prompt": previous, **given}
    elif isinstance(previous, dict) and "generation_id" in previous:
        pass  # the task before it was a clip too: it only comes first
    elif isinstance(previous, dict):
        given = {**previous, **given}
    elif previous is not None:
        raise InvalidClip(f"a clip was expected as keyword arguments, got {type(previous).__name__}")
    if "priority" not in given and (meant := priority_of(delivery or {})) is not None:
        given["priority"] = meant
    clip = read_clip(given)
    recipe(clip)
    return clip


def priority_of(delivery: Mapping[str, Any]) -> Priority | int | None:
    """Return the priority that a message is sent with, where its clip names none.

    A queue of ours names it. In the common queue Celery's own priority does, read as a clip's number is: 1 is the most
    urgent. 0 is what Celery sends where nothing was said.
    """
    queue, number = delivery.get("routing_key", ""), delivery.get("priority")
    for priority, name in wire.QUEUES.items():
        if name == queue:
            return priority
    return number if isinstance(number, int) and 1 <= number <= 10 else None
