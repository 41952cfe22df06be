"""Slow motion: the frames stay as they are, byte for byte; only when each is shown changes."""

from fractions import Fraction
from pathlib import Path

from .encode import MUXED
from .mp4 import Film, NotAFilm, probe
from .pyav import av, checked, new, opened
from .timing import slowing

LARGEST_CLOCK = 2**31 - 1


def retime(film: Path, to: Path, fps: int) -> Film:
    """Write *film* so that it shows *fps* frames a second; the length is exact.

    Raises:
        NotAFilm: it can not be read. Impossible: it would not be slower.
    """
    factor = slowing(checked(film), fps)
    with opened(film) as (container, video), new(to) as near:
        base = Fraction(video.time_base or 1) * factor
        clock = base.denominator  # ticks a second: every new time is a whole number of them
        ticks = base.numerator
        if clock > LARGEST_CLOCK:
            raise NotAFilm(f"its clock of {Fraction(video.time_base or 1)} s can not be kept exactly")
        options = {**MUXED, "video_track_timescale": str(clock)}
        with av.open(str(near), "w", format="mp4", options=options) as out:
            stream = out.add_stream_from_template(video)
            stream.time_base = Fraction(1, clock)
            for packet in container.demux(video):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.time_base = stream.time_base
                packet.pts, packet.dts = packet.pts * ticks, packet.dts * ticks
                packet.duration = (packet.duration or 0) * ticks
                packet.stream = stream
                out.mux(packet)
    return probe(to)
