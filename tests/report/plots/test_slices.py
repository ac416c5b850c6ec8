"""A slice plot sets every part beside the whole."""

from __future__ import annotations

from pipeline.evaluation.report.slices import SliceReport, SliceValue
from pipeline.report.plots.slices import slice_plot
from tests.support.figures import rendered, said, words


def parts(*values: tuple[str, int, float | None]) -> SliceReport:
    return SliceReport(
        by="$region",
        values=tuple(SliceValue(value=name, rows=rows, metrics={"mae": mae}) for name, rows, mae in values),
    )


def test_parts_stand_in_order_with_their_rows() -> None:
    figure = slice_plot(
        parts(("north", 30, 2.0), ("south", 10, 4.0)), metric="mae", name="MAE", whole=2.5, interval=(2.0, 3.0)
    )
    left, right = figure.axes
    dots = [line for line in left.lines if line.get_marker() == "o"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in dots] == [(2.0, 0), (4.0, 1)]
    assert [label.get_text() for label in left.get_yticklabels()] == ["north", "south"]
    assert [bar.get_width() for bar in right.patches] == [30, 10]
    assert left.get_ylim()[0] > left.get_ylim()[1]
    assert said(figure).startswith("Dashed: MAE of all rows, 2.5, 95 % interval 2 to 3 in grey.")
    assert rendered(figure)


def test_undefined_parts_say_so() -> None:
    figure = slice_plot(parts(("a", 0, None), ("b", 1, 2.0)), metric="mae", name="MAE", whole=None)
    assert words(figure.axes[0]) == ["undefined"]
    assert said(figure) == "MAE is not defined for all rows together."
    assert rendered(figure)


def test_many_and_no_parts_are_drawn() -> None:
    many = parts(*((f"value {place}", place, float(place)) for place in range(21)))
    assert rendered(slice_plot(many, metric="mae", name="MAE", whole=1.0))
    assert rendered(slice_plot(parts(), metric="mae", name="MAE", whole=1.0))
