"""Sources that are refused before anything of them is opened."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.config.source import SourceConfig


def messages(**content) -> str:
    with pytest.raises(ValidationError) as caught:
        SourceConfig(**content)
    return "; ".join(str(error["msg"]) for error in caught.value.errors())


def test_one_path_is_a_list_of_one():
    assert SourceConfig(path="a.csv").path == ("a.csv",)
    assert SourceConfig(path=["a.csv", "b/*.csv"]).path == ("a.csv", "b/*.csv")


def test_encodings_have_more_than_one_name():
    assert SourceConfig(path="a.csv", encoding="Latin1").encoding == "iso-8859-1"
    assert SourceConfig(path="a.csv", encoding="UTF-16LE").encoding == "utf-16le"


@pytest.mark.parametrize("name", ["t", "db.t", "c.db.t", "c.`my db`.t_1", "`a``b`"])
def test_names_of_tables(name):
    assert SourceConfig(table=name).table == name


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("select 1", "select 1"),
        (" (SELECT 1) ;\n", "(SELECT 1)"),
        ("-- why; so\nWITH a AS (SELECT ';' AS x) SELECT * FROM a -- end", None),
        ("SELECT `a;b`, 'it\\'s; using \"x\"' FROM t JOIN u USING (k) /* ; */", None),
        ("SELECT transform(xs, x -> x + 1) FROM t", None),
        ("SELECT 'reflect(x)' AS `java_method(`, text.value FROM db.text AS text -- end", None),
        ("WITH a AS (SELECT id, row_number() OVER (PARTITION BY k ORDER BY d) AS n FROM c.db.t) SELECT * FROM a", None),
        ("SELECT * FROM t LATERAL VIEW explode(xs) e AS x WHERE d >= DATE '2024-01-01' EXCEPT SELECT * FROM u", None),
        ("SELECT * FROM range(10) TABLESAMPLE (50 PERCENT) REPEATABLE (1)", None),
    ],
)
def test_queries(text, query):
    assert SourceConfig(query=text).query == (
        query or text.rpartition(" -- end")[0] or text.rpartition(" /*")[0] or text
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "give one of path, table, query and sample; received none of them"),
        ({"path": "a", "table": "t"}, "give one of path, table, query and sample; received path and table"),
        ({"path": []}, "at least 1 item"),
        ({"path": ""}, "at least 1 character"),
        ({"path": "a.csv", "encoding": "ebcdic"}, "'utf-8', 'iso-8859-1'"),
        ({"path": "a.csv", "separator": "\n"}, "should match pattern"),
        ({"path": "a.csv", "separator": '"'}, "separator must differ from quote and escape"),
        ({"path": "a.csv", "quote": "", "escape": "\\"}, "escape has no meaning without quote"),
        (
            {"path": "a.parquet", "format": "parquet", "separator": ";", "null_values": []},
            "separator goes with format: csv or tsv, not parquet; null_values goes with format: csv or tsv, not",
        ),
        ({"path": "a.json", "format": "json", "encoding": "latin1"}, "encoding goes with format: csv or tsv, not json"),
        ({"path": ["a", "b"], "format": "delta"}, "format: delta takes one path"),
        ({"path": "a.csv", "columns": ["a"]}, "columns names the columns of files without a header; set header: false"),
        ({"path": "a.csv", "header": False, "columns": ["a", "a"]}, "for each column; 'a' is there more than once"),
        ({"path": "a.csv", "header": False, "columns": ["a", ""]}, "columns needs names that are not empty"),
        ({"path": "a.json", "format": "json", "header": False}, "header goes with format: csv or tsv, not json"),
        ({"path": "a.json", "format": "json", "merge_schema": True}, "arrow or csv or excel or orc or parquet or tsv"),
        ({"path": "a.csv", "rows": 7}, "rows goes with sample: bank, not with path"),
        ({"table": "t", "format": "csv"}, "format goes with path, not with table"),
        ({"sample": "iris", "multiline": True}, "multiline goes with path, not with sample"),
        ({"table": "a.b.c.d"}, "'a.b.c.d' is not a table name; allowed are table, db.table and catalog.db.table"),
        ({"table": "t; drop table t"}, "is not a table name"),
        ({"query": ""}, "a query begins with SELECT or WITH, not with ''"),
        ({"query": "DROP TABLE t"}, "a query begins with SELECT or WITH, not with 'DROP'; nothing else is run"),
        ({"query": "/* SELECT */ insert into t select 1"}, "not with 'insert'"),
        ({"query": "SELECT 1; DROP TABLE t"}, "give one statement; the query holds several, divided by ';'"),
        ({"query": "SELECT `reflect`('java.lang.System', 'exit')"}, "must not run programs, as REFLECT does"),
        ({"query": "SELECT java_method /**/ ('a', 'b')"}, "must not run programs, as JAVA_METHOD does"),
        ({"query": "SELECT TRANSFORM(a) USING 'rm' AS (b) FROM t"}, "must not run programs, as USING does"),
        ({"query": "SELECT * FROM (MAP a USING 'rm' AS b FROM t)"}, "must not run programs, as USING does"),
        ({"query": "SELECT system.builtin.Reflect('a', 'b')"}, "must not run programs, as REFLECT does"),
        ({"query": "SELECT * FROM text.`/etc/passwd`"}, "'text.`/etc/passwd`' is a file, not a table or view. Give"),
        ({"query": "WITH a AS (SELECT 1) SELECT (SELECT max(value) FROM TEXT /**/ . `passwd`)"}, "is a file, not a"),
        ({"query": "SELECT * FROM `org.apache.spark.sql.text`.`passwd`"}, "is a file, not a table or view"),
        ({"query": "SELECT 1 UNION ALL SELECT * FROM t JOIN binaryFile.`/x`"}, "is a file, not a table or view"),
        ({"query": "SELECT * FROM db.`s3://lake/x`"}, "is a file, not a table or view"),
        ({"query": "SELECT * FROM read_files('/etc/passwd')"}, "not what READ_FILES reads"),
        ({"query": "SELECT * FROM IDENTIFIER('text.`/x`')"}, "not what IDENTIFIER reads"),
        (
            {"query": "SELECT '${env:AWS_SECRET_ACCESS_KEY}' AS a"},
            "Spark replaces '${...}' by its settings and variables of the environment",
        ),
        (
            {"query": "WITH a AS (SELECT 1 AS x) INSERT INTO t SELECT * FROM a"},
            "a query is one SELECT; nothing else is run",
        ),
        ({"query": "SELECT * INTO t FROM u"}, "a query is one SELECT"),
        ({"query": "SELECT (("}, "the query cannot be read: "),
        ({"query": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000}, "nested too deeply"),
        ({"table": "text.`/etc/passwd`"}, "'text.`/etc/passwd`' is a file, not a table or view. Give files by"),
        ({"table": "csv.x"}, "is a file, not a table or view"),
    ],
)
def test_what_is_refused(content, message):
    assert message in messages(**content)
