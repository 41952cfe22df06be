"""Small runs of the chaos program; the large ones are for whoever has minutes: `python tests/system/chaos.py`."""

import chaos
import pytest


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_paid_twice_and_nothing_is_lost(tmp_path, seed):
    """Under every fault of the plan and a worker killed every three seconds, the bill is the ledger and all ends."""
    verdict = chaos.run(tmp_path, jobs=60, seed=seed, seconds=100, every=3.0)

    assert [] == verdict.wrong, verdict


@pytest.mark.timeout(240)
def test_a_vendor_that_can_not_be_asked_is_never_asked_twice(tmp_path):
    """Without replay and look-up nothing is paid twice, and every clip that may be paid and is not here is named."""
    verdict = chaos.run(tmp_path, jobs=60, seed=3, seconds=100, every=3.0, blind=True)

    assert [] == verdict.wrong, verdict


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [4, 5])
def test_all_kinds_of_harm_together(tmp_path, seed):
    """Workers are killed and stopped, connections cut and frozen, Redis stopped and restarted: the same holds."""
    verdict = chaos.run(tmp_path, jobs=40, seed=seed, seconds=100, every=3.0, kinds=chaos.KINDS)

    assert [] == verdict.wrong, verdict
