"""How several processes share an epoch's batches."""

from types import SimpleNamespace

import numpy as np
import pytest

from xmr.core.kinds import ImageSet
from xmr.outputs.ridge import Ridge
from xmr.training.work import Work


@pytest.mark.parametrize(("records", "world"), [(10, 1), (10, 3), (2, 5)])
def test_every_batch_once_and_as_many_for_all(records, world):
    data = ImageSet(np.zeros((records, 2, 2, 1), np.uint8))
    shares = []
    for process in range(world):
        job = SimpleNamespace(
            training=SimpleNamespace(data=data),
            shrink=1,
            accelerator=SimpleNamespace(num_processes=world, process_index=process),
            settings=SimpleNamespace(batch_size=1, batch_tokens=1),
            seed=0,
        )
        shares.append(Work.batches(job, 0))
    assert len({len(share) for share in shares}) == 1
    first = [int(i) for share in shares for batch, repeated in share if not repeated for i in batch]
    assert sorted(first) == list(range(records))


def test_a_ridge_is_due_when_it_solves():
    ridge = Ridge(update_every=3).build(SimpleNamespace(hidden_width=2, own_width=2, one_vector=False), 2, None, None)
    due = []
    for _ in range(6):
        due.append(ridge.due())
        ridge.on_epoch()
    assert due == [False, False, True, False, False, True]
