"""How much of a picture a hyperlapse keeps: what is cut off all around is room to hold the camera still in."""

REACH = 0.08
"""How far a picture is moved at most, as a part of its width and height; as much is cut off all around."""


def reach(width: int, height: int) -> tuple[int, int]:
    """Return how many columns and rows are cut off on each side."""
    return int(width * REACH), int(height * REACH)


def kept(width: int, height: int) -> tuple[int, int]:
    """Return the size of what is left: even, as a film's has to be."""
    aside, above = reach(width, height)
    return (width - 2 * aside) & ~1, (height - 2 * above) & ~1
