"""Every system test gets a plant of its own; none of them is ever skipped for want of a server."""

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from brokers import BROKER
from plant import Plant


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark everything here as a system test, which has time enough on a machine that is busy with others.

    What is about RabbitMQ alone is left out where none is named.
    """
    if not BROKER and (left := [item for item in items if item.get_closest_marker("rabbitmq")]):
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=left)
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(240))


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Plant]]:
    """Return a builder of plants; keyword arguments in capitals are settings, the others the sandbox's."""
    built: list[Plant] = []

    def make(*, durable: bool = False, **given: Any) -> Plant:
        settings = {f"OVERCRANK_{name}": str(value) for name, value in given.items() if name.isupper()}
        sandbox = {"generation_seconds": 0.2, **{name: value for name, value in given.items() if not name.isupper()}}
        folder = tmp_path / f"plant-{len(built)}"
        folder.mkdir()
        built.append(Plant(folder, sandbox, settings, durable=durable))
        return built[-1]

    yield make
    gc.collect()  # a result that goes later would look for its server, which is gone, for twenty seconds
    for plant in built:
        plant.close()
