"""Requests that a served model cannot answer."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.support.stores import regression_state


@pytest.mark.parametrize("rows", [pd.DataFrame({"other": [1, 2]}), pd.DataFrame(), pd.DataFrame(index=range(3))])
def test_rows_with_none_of_the_columns_are_refused_though_all_of_them_may_be_missing(rows):
    from mlflow.exceptions import MlflowException

    from pipeline.scoring.mlflow_model import RawColumnsModel

    model = RawColumnsModel()
    model._state = regression_state()
    with pytest.raises(
        MlflowException, match=r"have none of the model's columns\. Allowed: x0, x1, c0\. Received: "
    ) as raised:
        model.predict(None, rows)
    assert raised.value.get_http_status_code() == 400
