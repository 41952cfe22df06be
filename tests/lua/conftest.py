"""The desk, on the real server and on the simulated one."""

import pytest
from desk import Desk


@pytest.fixture(params=["server", "simulated"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """All scripts over an empty server, at the beginning of an hour, with wide limits."""
    return Desk(request.getfixturevalue("redis" if request.param == "server" else "fake"))
