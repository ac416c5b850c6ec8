"""Results in Markdown: evaluations, cross-validations and their comparisons."""

from __future__ import annotations

from pipeline.evaluation.comparison import compare
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.report.summaries import comparison_table, crossval_table, evaluation_summary
from tests.support.folds import crossval

FIRST, SECOND = (2.1, 2.9, 2.4, 3.2, 2.2), (2.3, 3.0, 2.3, 3.6, 2.5)


def test_table_sets_the_linear_model_beside_the_network() -> None:
    report = EvalReport(
        task="regression",
        rows=2000,
        metrics={"mae": 67890.12, "r2": 0.8},
        baselines={"linear": {"mae": 98765.4, "r2": None}},
    )
    assert evaluation_summary(report) == (
        "2,000 rows\n\n| metric | network | linear model |\n| --- | --- | --- |\n"
        "| mae | 67,890 | 98,765 |\n| r2 | 0.8 | undefined |\n"
    )
    alone = EvalReport(task="regression", rows=1, metrics={"mae": 1.5})
    assert evaluation_summary(alone) == "1 row\n\n| metric | network |\n| --- | --- |\n| mae | 1.5 |\n"


def test_table_has_a_line_a_fold_and_all_together() -> None:
    pooled = {"pooled": {"rmse": 21_000.0}, "pooled_intervals": {"rmse": (20_000.0, 22_000.0)}}
    report = crossval({"median": (1.0, 1.0), "mae": (2.5, None), "rmse": (20_000.0, 22_000.0)}, **pooled)
    title, _, *lines = crossval_table(report).splitlines()
    assert title == "1,000 rows in 2 folds (hash)"
    assert lines == [
        "| fold | training rows | validation rows | held-out rows | best epoch | RMSE | MAE |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| 0 | 700 | 100 | 200 | 3 of 4 | 20,000 | 2.5 |",
        "| 1 | 700 | 100 | 200 | 3 of 4 | 22,000 | undefined |",
        "| mean |  |  |  |  | 21,000 | 2.5 |",
        "| deviation |  |  |  |  | 1414 | undefined |",
        "| 95 % interval |  |  |  |  | 5072 to 36,928 |  |",
        "| all held-out rows |  |  |  |  | 21,000 |  |",
        "| their 95 % interval |  |  |  |  | 20,000 to 22,000 |  |",
        "",
        "MAE is not defined in 1 of 2 folds; its mean is that of the others.",
    ]


def test_table_tells_repeats_apart() -> None:
    title, _, head, _, *lines = crossval_table(crossval({"rmse": (1.0, 2.0, 3.0, 4.0)}, repeats=2)).splitlines()
    assert title == "1,000 rows in 2 folds 2 times (hash)"
    assert head.startswith("| fold | repeat |")
    assert [line.split(" | ")[:2] for line in lines[:4]] == [["| 0", "0"], ["| 1", "0"], ["| 2", "1"], ["| 3", "1"]]


def test_comparison_has_a_line_a_metric() -> None:
    first, second = crossval({"rmse": (2.0, 3.0), "mae": (1.0, 1.0)}), crossval({"rmse": (3.0, 4.0), "mae": (1.0, 1.0)})
    said, _, *lines = comparison_table(compare(first, second, names=("a|b", "c"))).splitlines()
    assert said.startswith("By RMSE, a|b is better than c in 2 of 2 folds, by 1 on average")
    assert lines == [
        "| metric | a\\|b | c | difference | 95 % interval | p value | wins, ties, losses | better |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| RMSE | 2.5 | 3.5 | -1 | -1 to -1 | 0 | 2, 0, 0 | a\\|b |",
        "| MAE | 1 | 1 | 0 | 0 to 0 | 1 | 0, 2, 0 |  |",
    ]


def test_better_by_chance_is_called_so() -> None:
    table = comparison_table(compare(crossval({"rmse": FIRST}), crossval({"rmse": SECOND}), names=("a", "b")))
    assert table.splitlines()[4].endswith("| 4, 0, 1 | a, perhaps |")
