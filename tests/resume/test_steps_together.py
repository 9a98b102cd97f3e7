"""Whole runs, in one process and two: steps that are taken together end like steps that are taken one by one."""

import pytest
from test_exact_resume import Run, data, differences, whole  # noqa: F401

pytestmark = pytest.mark.process


@pytest.mark.parametrize(
    ("network", "world_size"),
    [
        *(("mlp", 1), ("cnn", 2), ("rnn", 1)),
        *(
            pytest.param(network, number, marks=pytest.mark.matrix)
            for network, number in (("mlp", 2), ("cnn", 1), ("rnn", 2))
        ),
    ],
)
def test_checkpoints_tables_and_batches_are_those_of_single_steps(network, world_size, data, whole, tmp_path):  # noqa: F811
    single, together = Run(data, tmp_path / "w", network, world_size), whole(network, world_size)
    assert single.start("--steps_per_execution=1") == [0] * world_size, single.said()
    assert "steps_per_execution is 1" not in together.said()
    for name in ("last.ckpt", "best.ckpt"):
        found = differences(single.state(name), together.state(name))
        assert [each for each in found if ".dlcore." not in each] == []
    assert single.batches() == together.batches()
    for name in ("metrics.csv", "layers.csv"):
        assert single.table(name) == together.table(name)
