"""Large windows are counted in pieces, none of whose rows is lost."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation import predict_rank
from pipeline.feed.rows import Rows


def rows_of(ids: range) -> Rows:
    row_id = np.array(ids, np.int64)
    return Rows({}, row_id.astype(np.float64), row_id, np.ones(len(ids)))


def test_pieces_hold_every_row_once_in_order(monkeypatch) -> None:
    monkeypatch.setattr(predict_rank, "NUMBERS_AT_ONCE", 100)
    windows = [rows_of(range(7)), rows_of(range(7, 32)), rows_of(range(32, 32))]
    pieces = list(predict_rank._pieces(windows, 10))
    assert [len(piece) for piece in pieces] == [7, 10, 10, 5]
    assert np.concatenate([piece.row_id for piece in pieces]).tolist() == list(range(32))
    assert max(len(piece) for piece in predict_rank._pieces(windows, 1000)) == 1
