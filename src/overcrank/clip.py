"""The clip somebody asks for: checked strictly where it enters, frozen from there on."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from .choices import ALPHA, COLOURS, RESOLUTIONS, Extra, Mode, Priority, Reuse
from .errors import InvalidClip

__all__ = [
    "ALPHA",
    "COLOURS",
    "RESOLUTIONS",
    "Clip",
    "Extra",
    "Mode",
    "Priority",
    "Reuse",
    "explain",
    "placed",
    "read_clip",
]

LONGEST_BATCH = 150
"""Characters of a batch's name: with a clip's place and content it has to be a unique key."""

SHORTEST, LONGEST = 1, 60
SLOWEST, FASTEST = 24, 240
PROMPT_LENGTH = 4000
METADATA_ENTRIES, METADATA_TEXT = 32, 500
MOST_SAID = 20  # wrong fields that one message names


def _named(value: Any) -> Any:
    """Let names through, and nothing that merely looks like one."""
    if not isinstance(value, str):
        raise ValueError("it is no text")
    return value


def _priority(value: Any) -> Any:
    """Read the tutorial's numbers, where lower is more urgent: 1-3, 4-7, 8-10."""
    if isinstance(value, int) and not isinstance(value, bool):
        if 1 <= value <= 3:
            return Priority.URGENT
        if 4 <= value <= 7:
            return Priority.NORMAL
        if 8 <= value <= 10:
            return Priority.BULK
        raise ValueError("a number has to be from 1 to 10")
    return _named(value)


def _moment(value: Any) -> Any:
    """Let moments through, and texts that begin with a date; a bare number would be read as seconds since 1970."""
    if isinstance(value, datetime) or value is None:
        return value
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d", value.strip()):
        raise ValueError("it is no moment")
    return value.strip()


def _resolution(value: Any) -> Any:
    name = {short.lower(): size for short, size in RESOLUTIONS.items()}.get(str(value).lower(), value)
    if isinstance(name, str) and name not in RESOLUTIONS.values():
        raise ValueError("no such size")
    return name


def _extras(value: Any) -> Any:
    """Read names, or a text of names with commas between them, in one order and each once."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple | set | frozenset):
        return value
    named = {one.strip() if isinstance(one, str) else repr(one) for one in given} - {""}
    if named - set(Extra):
        raise ValueError("there is no such extra")
    return tuple(extra for extra in Extra if extra in named)


def _key(value: Any) -> Any:
    """Read the name of a colour, or the colour itself in one way of writing it."""
    if not isinstance(value, str):
        return value
    name = COLOURS.get(value.lower(), value.lower())
    if name != ALPHA and not re.fullmatch(r"#[0-9a-f]{6}", name):
        raise ValueError("it is no colour")
    return name


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    for key, entry in value.items():
        if not isinstance(key, str):
            raise ValueError("a key is no text")
        if not key.strip():
            raise ValueError("a key is empty")
        if len(key) > METADATA_TEXT or (isinstance(entry, str | int) and len(str(entry)) > METADATA_TEXT):
            raise ValueError("a key or an entry is too long")
        key.encode()  # half a surrogate pair could not be stored
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("it is blank")
    return value


Scalar = str | int | float | bool | None


def _printable(value: str) -> str:
    if "\0" in value:
        raise ValueError("it must not hold a NUL character")
    return value


Text = Annotated[str, StringConstraints(max_length=PROMPT_LENGTH), AfterValidator(_printable)]


class Clip(BaseModel):
    """One clip to generate.

    Wrong fields raise `InvalidClip`; its message names each, says why, and what is allowed.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, ser_json_bytes="base64")

    prompt: Annotated[
        Text,
        StringConstraints(min_length=1),
        BeforeValidator(lambda v: _not_blank(v) if isinstance(v, str) else v),
    ] = Field(description=f"text of 1 to {PROMPT_LENGTH} characters")
    negative_prompt: Text = Field("", description=f"text of at most {PROMPT_LENGTH} characters")
    mode: Annotated[Mode, BeforeValidator(_named)] = Field(
        Mode.SLOW_MOTION, strict=False, description="slow_motion, time_lapse, hyperlapse or plain"
    )
    duration: float = Field(5, ge=SHORTEST, le=LONGEST, description=f"seconds, {SHORTEST} to {LONGEST}")
    fps: int = Field(
        120, ge=SLOWEST, le=FASTEST, description=f"a whole number of frames a second, {SLOWEST} to {FASTEST}"
    )
    resolution: Annotated[str, BeforeValidator(_resolution)] = Field(
        "1920x1080", description="720p, 1080p or 4K, or the same as 1280x720, 1920x1080, 3840x2160"
    )
    seed: int | None = Field(None, ge=0, le=2_147_483_647, description="a whole number from 0 to 2147483647, or none")
    guidance_scale: float = Field(7.5, ge=0, le=20, description="a number from 0 to 20")
    physics_strength: float = Field(
        0.85, ge=0, le=1, description="a number from 0 (off) to 1; where none is given, the prompt tells"
    )
    physics_why: Text | None = Field(None, description="why the strength is what it is, where it was chosen for you")
    priority: Annotated[Priority, BeforeValidator(_priority)] = Field(
        Priority.NORMAL,
        strict=False,
        description="urgent, normal or bulk; or 1-3, 4-7, 8-10, where lower is more urgent",
    )
    deliver_fps: int | None = Field(
        None, ge=24, le=60, description="frames a second of what is delivered, 24 to 60: this slows a slow motion down"
    )
    speed: int | None = Field(
        None, ge=1, le=300, description="how many times as fast a time_lapse or a hyperlapse is delivered, 1 to 300"
    )
    extras: Annotated[tuple[Extra, ...], BeforeValidator(_extras)] = Field(
        (), strict=False, description="any of light, poster, preview, sheet"
    )
    background: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="the id or the unique key of a job of the project: its clip is put behind this one"
    )
    key: Annotated[str, BeforeValidator(_key)] = Field(
        COLOURS["green"], description="what the background is seen through: green, blue, black, white, #rrggbb or alpha"
    )
    key_tolerance: float = Field(0.12, ge=0, le=1, description="how far from the key colour is seen through, 0 to 1")
    key_softness: float = Field(0.08, ge=0, le=1, description="how far beyond that it fades into the clip, 0 to 1")
    background_loop: bool = Field(
        True, description="true or false: whether a background that is shorter begins anew, or stands still at its end"
    )
    reuse: Annotated[Reuse, BeforeValidator(_named)] = Field(
        Reuse.SAME, strict=False, description="never, same (needs a seed) or any: which clip paid for already will do"
    )
    project: str = Field(
        "default",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first",
    )
    unique_key: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_not_blank)] | None = (
        Field(None, description="text of 1 to 200 characters: the same key twice is the same job")
    )
    deadline: Annotated[AwareDatetime | None, BeforeValidator(_moment)] = Field(
        None,
        strict=False,
        description="a moment with a time zone, as 2027-01-31T12:00:00Z: after it the job is not started",
    )
    metadata: Annotated[dict[str, Scalar], BeforeValidator(lambda v: _metadata(v) if isinstance(v, dict) else v)] = (
        Field(
            default_factory=dict,
            max_length=METADATA_ENTRIES,
            description=f"up to {METADATA_ENTRIES} entries of text, numbers or true and false, {METADATA_TEXT} long",
        )
    )

    @property
    def length(self) -> timedelta:
        """How long the clip plays at its own frame rate."""
        return timedelta(seconds=self.duration)

    @property
    def words(self) -> str:
        """The prompt's first words, quoted."""
        words = " ".join(self.prompt.split())
        return f"“{words if len(words) <= 48 else words[:47].rstrip() + '…'}”"

    @property
    def line(self) -> str:
        """One readable line: what is asked for, and the prompt's first words."""
        return f"{self.duration:g}s @{self.fps}fps {self.resolution} {self.mode} {self.words}"


def read_clip(fields: Any) -> Clip:
    """Return the clip that *fields* (a mapping, or a `Clip`) describe.

    Raises:
        InvalidClip: a field is wrong or unknown; nothing was stored or sent.
    """
    if isinstance(fields, Clip):
        return fields
    if not isinstance(fields, dict):
        raise InvalidClip(f"a clip is a mapping of fields such as prompt and duration, not {type(fields).__name__}")
    try:
        return Clip.model_validate(fields)
    except ValidationError as error:
        raise InvalidClip(explain(error)) from None


def explain(error: ValidationError) -> str:
    """Return which fields are wrong, why, and what is allowed, in one line."""
    from difflib import get_close_matches

    said: dict[str, str] = {}
    for flaw in error.errors(include_url=False, include_context=False):
        field = str(flaw["loc"][0]) if flaw["loc"] else "clip"
        if flaw["type"] == "extra_forbidden":
            near = get_close_matches(field, Clip.model_fields, n=1)
            said[field] = f"{field[:80]}: there is no such field" + (f"; did you mean {near[0]}?" if near else "")
        elif flaw["type"] == "missing":
            said[field] = f"{field}: it is missing; allowed is {Clip.model_fields[field].description}"
        elif field not in said:
            value = repr(flaw["input"])
            value = value if len(value) <= 60 else value[:59] + "…"
            why = flaw["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            info = Clip.model_fields.get(field)
            said[field] = (
                f"{field}: {value} is not right ({why}); allowed is {info.description if info else 'a mapping'}"
            )
    more = len(said) - MOST_SAID
    return "; ".join(list(said.values())[:MOST_SAID]) + (f"; and {more} more" if more > 0 else "")


def placed(clips: Iterable[Any], batch: str) -> Iterator[Clip]:
    """Yield clips with a unique key that is made of the batch's name, their place in it, and what they ask for.

    Raises:
        InvalidClip: a field is wrong, or the name is.
    """
    if not 0 < len(batch) <= LONGEST_BATCH:
        raise InvalidClip(f"batch: the name has {len(batch)} characters; allowed is 1 to {LONGEST_BATCH}")
    for place, given in enumerate(clips):
        clip = read_clip({"prompt": given} if isinstance(given, str) else given)
        if clip.unique_key is None:
            content = blake2b(clip.model_dump_json(exclude_defaults=True).encode(), digest_size=8).hexdigest()
            clip = clip.model_copy(update={"unique_key": f"{batch}/{place}/{content}"})
        yield clip
