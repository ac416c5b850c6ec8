"""What a query of `data.source.query` may be: one SELECT over tables and views of Spark's catalog.

It is parsed, not searched: what stands in comments, quotes and backticks is told from what is run. Spark also takes the
name of a format and a path for a table, which would read any file of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import dropwhile, pairwise

from sqlglot import ErrorLevel, Token, TokenType, exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError

PROGRAMS = frozenset({"reflect", "try_reflect", "java_method"})
ELSEWHERE = frozenset(
    {
        *("ai_query", "cloud_files", "http_request", "identifier", "read_files", "read_kafka", "read_kinesis"),
        *(
            "read_pubsub",
            "read_pulsar",
            "read_statestore",
            "read_state_metadata",
            "remote_query",
            "secret",
            "try_secret",
        ),
    }
)
"""Functions that read something else than tables, or take a name from a text."""
FORMATS = frozenset(
    {
        *("avro", "binaryfile", "console", "csv", "delta", "hive", "hudi", "iceberg", "image", "jdbc", "json", "kafka"),
        *(
            "libsvm",
            "memory",
            "noop",
            "orc",
            "parquet",
            "rate",
            "socket",
            "statestore",
            "state-metadata",
            "text",
            "xml",
        ),
    }
)
REMEDY = "Give files by data.source.path, anything else as a view of the catalog by data.source.table"


def checked_query(text: str) -> str:
    """The query without a semicolon and comments at its end.

    Raises:
        ValueError: it is not one SELECT, or reads or runs something else than tables.
    """
    dialect = Spark()
    try:
        tokens = dialect.tokenize(text)
        ended = [*dropwhile(lambda token: token.token_type is TokenType.SEMICOLON, reversed(tokens))][::-1]
        _check_tokens(text, ended)
        (parsed,) = dialect.parser(error_level=ErrorLevel.IMMEDIATE).parse(ended, text)
    except SqlglotError as error:
        raise ValueError(f"the query cannot be read: {str(error).splitlines()[0]} {REMEDY}") from None
    except RecursionError:
        raise ValueError(f"the query is nested too deeply. {REMEDY}") from None
    for problem in _problems(parsed):
        raise ValueError(f"{problem}. {REMEDY}")
    return text[: ended[-1].end + 1].strip()


def _check_tokens(text: str, tokens: Sequence[Token]) -> None:
    if any(token.token_type is TokenType.SEMICOLON for token in tokens):
        raise ValueError("give one statement; the query holds several, divided by ';'")
    word = next((token.text for token in tokens if token.token_type is not TokenType.L_PAREN), "")
    if word.upper() not in ("SELECT", "WITH"):
        raise ValueError(f"a query begins with SELECT or WITH, not with '{word}'; nothing else is run")
    if "${" in text:
        raise ValueError("Spark replaces '${...}' by its settings and variables of the environment. Write the value")
    for token, following in pairwise(tokens):
        name, calls = token.text.lower(), following.token_type is TokenType.L_PAREN
        if (calls and name in PROGRAMS) or (name == "using" and following.token_type is TokenType.STRING):
            raise ValueError(f"a query must not run programs, as {name.upper()} does")
        if calls and name in ELSEWHERE:
            raise ValueError(f"a query reads tables and views, not what {name.upper()} reads. {REMEDY}")


def _problems(query: exp.Expr | None) -> Iterator[str]:
    if not isinstance(query, exp.Query):
        yield "a query is one SELECT; nothing else is run"
        return
    for part in query.walk():
        if isinstance(part, (exp.Command, exp.Into, exp.DML, exp.DDL)) and not isinstance(part, exp.Query):
            yield "a query is one SELECT; nothing else is run"
        elif isinstance(part, exp.QueryTransform):
            yield "a query must not run programs, as TRANSFORM does"
        elif isinstance(part, exp.Table) and (name := _file(part)):
            yield f"'{name}' is a file, not a table or view"


def check_table(name: str) -> None:
    """Check the name of a table.

    Raises:
        ValueError: Spark takes it for a format and a path.
    """
    if _file(exp.to_table(name, dialect=Spark)):
        raise ValueError(f"'{name}' is a file, not a table or view. Give files by data.source.path")


def _file(table: exp.Table) -> str | None:
    """The name of a table that Spark takes for a format and a path; None for one of the catalog."""
    parts = [part.name for part in table.parts]
    if len(parts) == 2 and (parts[0].lower() in FORMATS or "." in parts[0] or set(parts[1]) & set("/\\:")):
        return table.sql("spark")
    return None
