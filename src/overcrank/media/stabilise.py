"""Holding the camera still: how far each picture has moved, by the correlation of phases, and a smooth path instead.

Only small grey pictures are compared. Of the shifts that the phases suggest, the one counts after which most of the
picture is as it was, so what moves in the scene does not pull the camera along.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from .crop import REACH, kept, reach
from .planes import cut, plain
from .pyav import VideoFrame, np

SMALL = 256
"""Columns of the pictures that are compared."""

CANDIDATES = 3
"""Peaks of the correlation that are tried. Standing still is tried too, and wins unless a shift is clearly better."""

CLEARLY = 0.8
"""How much of the difference that standing still leaves a shift may leave to be clearly better."""

STEP = 24
"""Levels of grey above which a difference counts no more: something moves there, or was hidden."""

SMOOTH = 7
"""Pictures over which the camera's path is smoothed, to each side."""

Array = Any


def shift(before: Array, after: Array) -> tuple[float, float]:
    """Return by how many pixels, right and down, the scene has moved."""
    height, width = before.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    first, second = (np.fft.rfft2((one - one.mean()) * window) for one in (before, after))
    cross = second * first.conj()
    size = np.abs(cross)
    cross /= np.maximum(size, 1e-3 * size.max() + 1e-12)  # frequencies that are hardly there say nothing
    peak = np.fft.irfft2(cross, s=before.shape)
    best, least = (0.0, 0.0), CLEARLY * _difference(before, after, 0, 0)
    for place in np.argpartition(peak, -CANDIDATES, axis=None)[-CANDIDATES:]:
        down, right = (int(at) for at in np.unravel_index(place, peak.shape))
        fine = _fine(peak, right, down, 1), _fine(peak, right, down, 0)
        if max(abs(fine[0]) / width, abs(fine[1]) / height) > REACH:
            continue
        left = _difference(before, after, round(fine[0]), round(fine[1]))
        if left < least:
            best, least = fine, left
    return best


def _difference(before: Array, after: Array, right: int, down: int) -> float:
    """Return how much of the picture is not as it was, had the scene moved so."""
    height, width = before.shape
    rows, columns = slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right))
    was_rows, was_columns = slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right))
    gap = np.abs(after[rows, columns] - before[was_rows, was_columns])
    return float(np.minimum(gap, STEP).mean())


def _fine(peak: Array, right: Any, down: Any, axis: int) -> float:
    """Return where the peak is along an axis, to a part of a pixel: the top of a parabola through three values."""
    length = peak.shape[axis]
    at = int(right if axis == 1 else down)
    line = peak[int(down), :] if axis == 1 else peak[:, int(right)]
    low, mid, high = (float(line[(at + step) % length]) for step in (-1, 0, 1))
    bend = low - 2 * mid + high
    part = 0.5 * (low - high) / bend if bend < 0 else 0.0
    at = at - length if at > length // 2 else at
    return at + max(-0.5, min(0.5, part))


def steady(frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield each frame moved so that the camera's path is smooth, its edges cut off.

    So many frames wait as the path is smoothed over; no more are held.
    """
    waiting: deque[tuple[VideoFrame, tuple[float, float]]] = deque()
    path: deque[tuple[float, float]] = deque(maxlen=2 * SMOOTH + 1)
    here, before = (0.0, 0.0), None
    for frame in frames:
        small, scale = _small(frame)
        if before is not None:
            right, down = shift(before, small)
            here = here[0] + right * scale, here[1] + down * scale
        before = small
        waiting.append((frame, here))
        path.append(here)
        if len(waiting) > SMOOTH:
            yield _moved(*waiting.popleft(), path)
    for _ in range(len(waiting)):
        yield _moved(*waiting.popleft(), path)
        if len(path) > SMOOTH + 1:
            path.popleft()


def _moved(frame: VideoFrame, at: tuple[float, float], path: Iterable[tuple[float, float]]) -> VideoFrame:
    """Return the frame cut where the smooth path would have it."""
    known = list(path)
    moved = []
    for axis, most in enumerate(reach(frame.width, frame.height)):
        wanted = sum(one[axis] for one in known) / len(known)
        moved.append(most + max(-most, min(most, round(at[axis] - wanted))))
    (left, top), (width, height) = moved, kept(frame.width, frame.height)
    return cut(plain(frame), left, top, width, height)


def _small(frame: VideoFrame) -> tuple[Array, float]:
    """Return a small grey picture of the frame, and how many of its pixels one of them stands for."""
    scale = max(1.0, frame.width / SMALL)
    width, height = round(frame.width / scale), round(frame.height / scale)
    grey = frame.reformat(width, height, "gray").to_ndarray()
    return grey.astype(np.float32), scale
