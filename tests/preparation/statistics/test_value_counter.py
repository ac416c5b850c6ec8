"""How often values occur: the two ways of counting agree."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.preparation.statistics import value_counter


@pytest.mark.parametrize("cells", [[], [0], [5, 3, 3, 5, 0, 9]])
def test_a_table_with_a_place_for_each_and_sorting_count_alike(monkeypatch, cells):
    dense = value_counter._counts(np.array(cells, np.int64))
    monkeypatch.setattr(value_counter, "DENSE_CELLS", -1)
    sparse = value_counter._counts(np.array(cells, np.int64))
    for found, expected in zip(sparse, dense, strict=True):
        assert found.tolist() == expected.tolist()
    assert dense[0].tolist() == sorted(set(cells)) and int(dense[1].sum()) == len(cells)
