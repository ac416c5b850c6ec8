"""What MLflow's scoring server does otherwise for a model of ours, see docs/decisions.md.

- `text/csv` is read, all fields as text: MLflow asks for one type for each column, and ours take several. The model
  types texts itself, and so `02134` stays `02134`.
- `instances` that are objects are rows. MLflow gathers them by column, so that `[{"a": 1}, {"b": 2}]` was one row.
- A request that cannot be read gets status 400, and no answer holds a stack trace, which shows the server's paths.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST

from pipeline.errors import DataError
from pipeline.formatting import listed

SERVER = "mlflow.pyfunc.scoring_server"
CSV, JSON = "text/csv", "application/json"
LONGEST_FIELD = 1 << 30
"""In characters; without it Python's reader refuses fields of more than 131,072."""

Invocations = Callable[[Any, str, Any, Any], Any]


def adapt_server() -> None:
    """Make the scoring server of this process, if it is one, answer by `invocations`; a server has one model."""
    server: Any = sys.modules.get(SERVER)
    if server is not None and not isinstance(server.invocations, partial):
        server.invocations = partial(invocations, server.invocations)


def invocations(answer: Invocations, data: Any, content_type: str | None, model: Any, input_schema: Any) -> Any:
    """Answer a request.

    Args:
        answer: MLflow's own function, with the further arguments and the result of this one.
        data: the body of the request, as bytes.
        content_type: None if the request names none.
        model: the loaded model.
        input_schema: of its signature.

    Raises:
        MlflowException: the request is wrong, or the model failed; the server answers with its status and message.
    """
    try:
        return answer(*_as_rows(data, content_type or ""), model, input_schema)
    except MlflowException as error:
        error.json_kwargs.pop("stack_trace", None)
        raise
    except (DataError, ValueError, RecursionError) as error:
        raise MlflowException(f"The request cannot be read: {error}", error_code=BAD_REQUEST) from error


def _as_rows(data: Any, content_type: str) -> tuple[Any, str]:
    """The body and content type that MLflow's function gets."""
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    content_type = f"{kind};{parameters}" if parameters else kind
    if kind == CSV:
        return json.dumps({"dataframe_split": rows_of_csv(data)}), content_type.replace(CSV, JSON, 1)
    if kind == JSON and b'"instances"' in data:
        return _with_records(data), content_type
    return data, content_type


def rows_of_csv(data: bytes) -> dict[str, list[Any]]:
    """The columns and rows of a CSV with a header: texts, and null for an empty field.

    Raises:
        DataError: it is no UTF-8, has no header or one with a name twice, or a line has too few or too many fields.
    """
    csv.field_size_limit(LONGEST_FIELD)
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        lines = [(reader.line_num, fields) for fields in reader if fields]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"it is no CSV ({error}). Send UTF-8, with commas between fields.") from error
    if not lines:
        raise DataError("it is empty. Send CSV whose first line names the columns.")
    names = lines[0][1]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise DataError(f"its header names columns twice: {listed(twice)}. Send each column once.")
    for number, fields in lines[1:]:
        if len(fields) != len(names):
            raise DataError(f"line {number} has {len(fields)} fields. Allowed: {len(names)}, as in the header.")
    return {"columns": names, "data": [[field or None for field in fields] for _, fields in lines[1:]]}


def _with_records(data: bytes) -> bytes:
    """The body with `instances` that are objects as `dataframe_records`."""
    content = json.loads(data)
    if isinstance(content, dict) and "dataframe_records" not in content:
        rows = content.get("instances")
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            content["dataframe_records"] = content.pop("instances")
            return json.dumps(content).encode()
    return data
