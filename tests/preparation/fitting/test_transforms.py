"""Every transform against pandas and scikit-learn on the same training rows, in double precision."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import yeojohnson
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    MultiLabelBinarizer,
    OrdinalEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from pipeline.arrays.hashing import hash_of
from pipeline.kinds.label_sums import FOLDS, fold_of_row
from pipeline.schemas.store_schema import ROW_ID, WEIGHT
from pipeline.schemas.tokens import CROSS_SEPARATOR, NULL_TOKEN
from pipeline.store.filesystem import storage_path
from pipeline.store.store import Store, open_store
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

ROWS = 400
TOLERANCE = 1e-9
SCALERS = {
    "standard": StandardScaler(),
    "min_max": MinMaxScaler(),
    "robust": RobustScaler(),
    "max_abs": MaxAbsScaler(),
    "none": FunctionTransformer(),
}
IMPUTERS = {"mean": "mean", "median": "median", "mode": "most_frequent"}
SOURCES = ("tied", "outlying", "zeros")
"""Columns that are copied, so that each can be treated in every way."""

ORDER = ("low", "mid", "high")
CITIES = ["Ulm", "Äàé", "", "日本", "a|b", "\U0001f600", "e\u0301", "\u00e9"]


def sources_of(treatment: str) -> tuple[str, ...]:
    """Few columns, each of those that a treatment may stumble over."""
    return ("tied", "zeros") if treatment in (*IMPUTERS, "robust", "constant") or "bin" in treatment else SOURCES[1:]


def numeric_groups() -> list[dict]:
    """A group a treatment, each of a copy of all sources."""

    def group(name: str, **settings) -> dict:
        return {"columns": [f"{source}_{name}" for source in sources_of(name)], **settings}

    groups = [group(scale, scale=scale) for scale in SCALERS]
    groups += [group(impute, impute=impute, scale="none", indicator=True) for impute in IMPUTERS]
    groups += [
        group("constant", impute="constant", fill=-7.5, scale="robust"),
        group("clip", clip={"low": -1.0, "high": 2.5}),
        group("clip_low", clip={"low": 0.25}, scale="min_max"),
        group("quantiles", clip={"quantiles": [0.05, 0.9]}, scale="max_abs"),
        group("log", shape="log1p", clip={"low": -0.5}),
        group("power", shape="power"),
        group("ple", encoding="piecewise_linear", bins=8),
        group("ple_rows", encoding="piecewise_linear", bins=5, binning="quantile", scale="none", shape="power"),
        group("ple_edges", encoding="piecewise_linear", edges=[-2.0, 0.0, 1.0, 8.0], clip={"low": -1.0}),
        group("bin_rows", encoding="bucketize", bins=6, binning="quantile"),
        group("bin_even", encoding="bucketize", bins=6, binning="uniform", dimension=3),
        group("bin_mixed", encoding="bucketize", bins=6),
        group("bin_edges", encoding="bucketize", edges=[-1.0, 0.0, 2.0]),
    ]
    return groups


CATEGORICAL = [
    {"columns": ["city"]},
    {"columns": ["city_few"], "max_categories": 3, "encoding": "embedding"},
    {"columns": ["city_often"], "min_count": 30},
    {"columns": ["city_hash"], "hash_buckets": 7},
    {"columns": ["size"], "encoding": "ordinal", "order": list(ORDER)},
    {"columns": ["city_mean"], "encoding": "target_mean", "smoothing": 5.0},
    {"columns": ["city_mean_few"], "encoding": "target_mean", "smoothing": 0.0, "max_categories": 2},
    {"columns": ["tags"], "separator": "|", "max_values": 3},
    {"columns": ["tags_hash"], "separator": ", ", "max_values": 2, "hash_buckets": 5},
]
CROSSES = [
    {"columns": ["city", "size"]},
    {"columns": ["size", "city"], "name": "turned", "hash_buckets": 50},
    {"columns": ["city", "size"], "name": "both_mean", "encoding": "target_mean"},
]
DERIVED = [
    {"name": "ratio", "expression": "outlying_none / (abs(zeros_none) + 1)"},
    {"name": "loud", "expression": "upper(city)"},
]
FEATURES = {
    "crosses": CROSSES,
    "derived": DERIVED,
    "dates": [{"columns": ["day"], "parts": ["year", "month", "weekday", "days"], "since": "2020-01-01"}],
    # The copies are equal columns on purpose.
    "drop": False,
}


def with_gaps(random: np.random.Generator, values: object, share: float = 0.1) -> np.ndarray:
    array = np.array(values, dtype=object)
    array[random.random(ROWS) < share] = None
    return array


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(11)
    sources = {
        "tied": random.integers(-3, 4, ROWS) / 2,
        "outlying": np.where(random.random(ROWS) < 0.02, 1e6, random.lognormal(0.0, 1.0, ROWS)),
        "zeros": np.where(random.random(ROWS) < 0.8, 0.0, random.exponential(5.0, ROWS)),
    }
    columns: dict[str, object] = {}
    for source, values in sources.items():
        gapped = with_gaps(random, values).astype(float)
        columns |= {f"{source}_{name}": gapped for name in suffixes() if source in sources_of(name)}
    city = with_gaps(random, random.choice(CITIES, ROWS, p=[0.3, 0.2, 0.15, 0.15, 0.1, 0.05, 0.03, 0.02]))
    columns |= dict.fromkeys(("city", "city_few", "city_often", "city_hash", "city_mean", "city_mean_few"), city)
    columns["size"] = with_gaps(random, random.choice([*ORDER, "other"], ROWS))
    tags = [list(random.choice(["pool", "sea view", "日本", ""], random.integers(0, 5))) for _ in range(ROWS)]
    columns["tags"] = with_gaps(random, [" | ".join(values) for values in tags])
    columns["tags_hash"] = with_gaps(random, [", ".join(values) for values in tags])
    days = pd.Timestamp("2019-02-27") + pd.to_timedelta(random.integers(0, 900, ROWS), unit="D")
    columns["day"] = days.strftime("%Y-%m-%d")
    columns["weight"] = random.choice([0.0, 0.5, 1.0, 4.0], ROWS)
    columns["y"] = 50.0 + 10.0 * sources["tied"] + random.normal(0.0, 4.0, ROWS)
    columns["id"] = np.arange(ROWS)
    return pd.DataFrame(columns)


def suffixes() -> list[str]:
    return [group["columns"][0].split("_", 1)[1] for group in numeric_groups()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, frame) -> Path:
    folder = tmp_path_factory.mktemp("transforms")
    frame.to_parquet(folder / "t.parquet")
    return folder


@pytest.fixture
def store(spark, folder) -> Store:
    """Every transform at once; built by the first test that asks, opened by the others."""
    store_spec = spec_for(
        folder / "t.parquet",
        numeric=[*numeric_groups(), {"columns": ["ratio"]}],
        categorical=[*CATEGORICAL, {"columns": ["loud"]}],
        features=FEATURES,
        key="id",
        weight="weight",
        filter="id < 390",
    )
    published = list(folder.glob("root/stores/test/*"))
    return open_store(storage_path(str(published[0]))) if published else build(spark, store_spec, folder / "root")


@pytest.fixture
def rows(store, frame) -> pd.DataFrame:
    """The store's rows in the order of the source, with `split`, `id` and the fold of `target_mean`."""
    return stored_rows(store, frame)


_ROWS: dict[str, pd.DataFrame] = {}


def stored_rows(store: Store, frame: pd.DataFrame) -> pd.DataFrame:
    if store.path.uri not in _ROWS:
        row_id = hash_of([pa.array([str(key) for key in frame["id"]])])
        known = pd.DataFrame({"id": frame["id"], ROW_ID: row_id, "fold": fold_of_row(0, row_id)})
        _ROWS[store.path.uri] = rows_of(store).merge(known, on=ROW_ID, validate="1:1").sort_values("id")
    return _ROWS[store.path.uri].set_index("id", drop=False)


@pytest.fixture
def train(rows, frame) -> pd.DataFrame:
    """The source's training rows."""
    return frame.loc[rows.index[rows.split == "train"]]


def source_of(rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.loc[rows.index]


def texts_of(column: pd.Series) -> list[str | None]:
    """Texts, and None where there is none, which pandas 3 tells as NaN."""
    return [None if pd.isna(text) else text for text in column]


def fitted(store: Store, name: str):
    features = (*store.features.numeric, *store.features.categorical)
    return next(feature for feature in features if feature.name == name)


def assert_stored(rows: pd.DataFrame, name: str, expected: object) -> None:
    """Float32 columns hold the expectation rounded to float32; the last bit depends on the order of operations."""
    stored, wanted = rows[name].to_numpy(), np.asarray(expected, float).ravel()
    assert stored.dtype == np.float32
    np.testing.assert_allclose(stored, wanted.astype(np.float32), rtol=1.2e-7, atol=1e-9, err_msg=name)


def known(column: pd.Series) -> pd.DataFrame:
    return column.dropna().to_frame()


def test_a_filter_leaves_rows_out_and_counts_them(store, rows):
    assert sorted(rows.index) == list(range(390))
    assert store.manifest.left_out == 10


@pytest.mark.parametrize("scale", list(SCALERS))
def test_scaling(store, rows, train, frame, scale):
    for source in sources_of(scale):
        name = f"{source}_{scale}"
        scaler, feature = SCALERS[scale].fit(known(train[name])), fitted(store, name)
        expected = scaler.transform(source_of(rows, frame)[[name]].fillna(train[name].mean()))
        assert_stored(rows, name, expected)
        for ours, theirs in zip((feature.center, feature.scale), numbers_of(scaler), strict=False):
            assert ours == pytest.approx(theirs, rel=TOLERANCE, abs=TOLERANCE)


def numbers_of(scaler) -> tuple[float, ...]:
    """Center and scale of a scikit-learn transformer."""
    match scaler:
        case StandardScaler():
            return scaler.mean_[0], scaler.scale_[0]
        case MinMaxScaler():
            return scaler.data_min_[0], scaler.data_range_[0]
        case RobustScaler():
            return scaler.center_[0], scaler.scale_[0]
        case MaxAbsScaler():
            return 0.0, scaler.scale_[0]
    return 0.0, 1.0


@pytest.mark.parametrize(("impute", "strategy"), list(IMPUTERS.items()))
def test_imputing_and_indicators(store, rows, train, frame, impute, strategy):
    for source in sources_of(impute):
        name = f"{source}_{impute}"
        values = source_of(rows, frame)[[name]]
        imputer = SimpleImputer(strategy=strategy).fit(train[[name]])
        assert fitted(store, name).fill == pytest.approx(imputer.statistics_[0], rel=TOLERANCE, abs=TOLERANCE)
        assert_stored(rows, name, imputer.transform(values))
        assert_stored(rows, f"{name}_missing", MissingIndicator().fit_transform(values))


def test_a_constant_in_the_place_of_null_does_not_change_the_statistics(rows, train, frame):
    for source in sources_of("constant"):
        name = f"{source}_constant"
        filled = source_of(rows, frame)[[name]].fillna(-7.5)
        assert_stored(rows, name, RobustScaler().fit(known(train[name])).transform(filled))


@pytest.mark.parametrize("source", sources_of("shape"))
def test_clipping_comes_before_scaling(store, rows, train, frame, source):
    everything = source_of(rows, frame)

    def expected(name: str, scaler, low: float, high: float) -> np.ndarray:
        learned = scaler.fit(known(train[name].clip(low, high)))
        return learned.transform(everything[[name]].fillna(train[name].mean()).clip(low, high))

    assert_stored(rows, f"{source}_clip", expected(f"{source}_clip", StandardScaler(), -1.0, 2.5))
    assert_stored(rows, f"{source}_clip_low", expected(f"{source}_clip_low", MinMaxScaler(), 0.25, np.inf))
    low, high = train[f"{source}_quantiles"].quantile([0.05, 0.9])
    feature = fitted(store, f"{source}_quantiles")
    assert (feature.low, feature.high) == pytest.approx((low, high), rel=TOLERANCE, abs=TOLERANCE)
    assert_stored(rows, f"{source}_quantiles", expected(f"{source}_quantiles", MaxAbsScaler(), low, high))


@pytest.mark.parametrize("source", sources_of("shape"))
def test_logarithm(store, rows, train, frame, source):
    name = f"{source}_log"
    scaler = StandardScaler().fit(np.log1p(known(train[name].clip(lower=-0.5))))
    feature = fitted(store, name)
    assert (feature.center, feature.scale) == pytest.approx((scaler.mean_[0], scaler.scale_[0]), rel=TOLERANCE)
    filled = source_of(rows, frame)[[name]].fillna(train[name].mean()).clip(lower=-0.5)
    assert_stored(rows, name, scaler.transform(np.log1p(filled)))


@pytest.mark.parametrize("source", sources_of("shape"))
def test_yeo_johnson(store, rows, train, frame, source):
    name = f"{source}_power"
    # The likelihood is flat at its top: the last digits follow from the order of summation.
    values = known(train[name]).sort_values(name)
    power = PowerTransformer(standardize=False).fit(values)
    feature = fitted(store, name)
    assert feature.power == pytest.approx(power.lambdas_[0], rel=TOLERANCE, abs=TOLERANCE)
    bent = yeojohnson(values.to_numpy().ravel(), feature.power)
    assert (feature.center, feature.scale) == pytest.approx((bent.mean(), bent.std()), rel=TOLERANCE)
    scaler = StandardScaler().fit(power.transform(values))
    filled = source_of(rows, frame)[[name]].fillna(train[name].mean())
    assert_stored(rows, name, scaler.transform(power.transform(filled)))


@pytest.mark.parametrize("source", sources_of("shape"))
def test_edges_of_the_piecewise_linear_encoding(store, train, source):
    values = known(train[f"{source}_ple"]).to_numpy().ravel()
    scaled = (values - values.mean()) / values.std()
    quarters = np.linspace(0.0, 1.0, 5)
    both = [np.quantile(scaled, quarters), np.quantile(np.unique(scaled), quarters)]
    assert_edges(fitted(store, f"{source}_ple").edges, np.concatenate(both))
    bent = yeojohnson(known(train[f"{source}_ple_rows"]).to_numpy().ravel(), fitted(store, f"{source}_ple_rows").power)
    assert_edges(fitted(store, f"{source}_ple_rows").edges, np.quantile(bent, np.linspace(0.0, 1.0, 6)))
    clipped = values.clip(min=-1.0)
    given = (np.array([-1.0, 0.0, 1.0, 8.0]) - clipped.mean()) / clipped.std()
    assert_edges(fitted(store, f"{source}_ple_edges").edges, given)


def assert_edges(edges: tuple[float, ...], expected: np.ndarray) -> None:
    """Edges that differ by rounding alone count as one."""
    wanted = np.unique(expected)
    wanted = wanted[np.append(True, np.diff(wanted) > 1e-9)]
    np.testing.assert_allclose(edges, wanted, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("source", sources_of("bin"))
def test_intervals(store, rows, train, frame, source):
    everything = source_of(rows, frame)
    for suffix, strategy in {"bin_rows": "quantile", "bin_even": "uniform"}.items():
        name = f"{source}_{suffix}"
        values = known(train[name])
        edges = np.unique(np.quantile(values, np.linspace(0, 1, 7)))
        if strategy == "uniform":
            edges = np.linspace(values.min().iloc[0], values.max().iloc[0], 7)
        assert fitted(store, name).edges == pytest.approx(edges[1:-1], rel=TOLERANCE, abs=TOLERANCE)
        if len(edges) == 7:
            binner = KBinsDiscretizer(6, encode="ordinal", strategy=strategy, subsample=None).fit(values)
            present = everything[name].dropna().to_frame()
            expected = pd.Series(binner.transform(present).ravel() + 1, present.index).reindex(everything.index)
            assert rows[name].tolist() == expected.fillna(0).tolist()
    name = f"{source}_bin_edges"
    expected = pd.cut(everything[name], [-np.inf, -1.0, 0.0, 2.0, np.inf], right=False, labels=False) + 1
    assert rows[name].tolist() == expected.fillna(0).tolist()
    assert rows[name].dtype == np.int32


@pytest.mark.parametrize(
    ("name", "limit", "least"), [("city", 1000, 1), ("city_few", 3, 1), ("city_often", 1000, 30), ("loud", 1000, 1)]
)
def test_vocabularies(store, rows, train, frame, name, limit, least):
    def text(source: pd.DataFrame) -> pd.Series:
        return source.city.str.upper() if name == "loud" else source[name]

    counts = text(train).value_counts()
    counts = counts[counts >= least]
    kept = sorted(counts.index, key=lambda value: (-counts[value], value.encode("utf-32-be")))[:limit]
    counts[NULL_TOKEN] = text(train).isna().sum()
    expected = sorted([*kept, NULL_TOKEN], key=lambda value: (-counts[value], value.encode("utf-32-be")))
    assert fitted(store, name).vocabulary == tuple(expected)
    ids = {value: i for i, value in enumerate(expected, start=1)}
    assert rows[name].tolist() == [ids.get(value, 0) for value in text(source_of(rows, frame)).fillna(NULL_TOKEN)]


def test_hashing(rows, frame):
    texts = texts_of(source_of(rows, frame).city_hash)
    expected = [0 if text is None else 1 + zlib.crc32(text.encode()) % 7 for text in texts]
    assert rows.city_hash.tolist() == expected


def test_a_given_order(rows, frame):
    texts = source_of(rows, frame)[["size"]].fillna("other")
    encoder = OrdinalEncoder(categories=[list(ORDER)], handle_unknown="use_encoded_value", unknown_value=np.nan)
    places = encoder.fit(pd.DataFrame({"size": ORDER})).transform(texts) / 2
    assert_stored(rows, "size", np.nan_to_num(places, nan=0.5))


def crossed(source: pd.DataFrame, names: list[str]) -> pd.Series:
    return source[names].fillna(NULL_TOKEN).agg(CROSS_SEPARATOR.join, axis=1)


def test_crosses(store, rows, train, frame):
    counts = crossed(train, ["city", "size"]).value_counts()
    expected = sorted(counts.index, key=lambda value: (-counts[value], value.encode("utf-32-be")))
    assert fitted(store, "city_x_size").vocabulary == tuple(expected)
    ids = {value: i for i, value in enumerate(expected, start=1)}
    everything = source_of(rows, frame)
    assert rows.city_x_size.tolist() == [ids.get(value, 0) for value in crossed(everything, ["city", "size"])]
    turned = [1 + zlib.crc32(text.encode()) % 50 for text in crossed(everything, ["size", "city"])]
    assert rows.turned.tolist() == turned


def values_in(text: str | None, separator: str) -> list[str]:
    return [value.strip(" ") for value in (text or "").split(separator) if value.strip(" ")]


def test_multi_valued_columns(store, rows, train, frame):
    feature, everything = fitted(store, "tags"), source_of(rows, frame)
    counts = pd.Series([value for text in texts_of(train.tags) for value in values_in(text, "|")]).value_counts()
    assert feature.vocabulary == tuple(sorted(counts.index, key=lambda value: (-counts[value], value)))
    kept = [values_in(text, "|")[:3] for text in texts_of(everything.tags)]
    binarizer = MultiLabelBinarizer(classes=feature.vocabulary).fit([feature.vocabulary])
    slots = rows[[f"tags[{slot}]" for slot in range(3)]].to_numpy()
    words = np.array(["", *feature.vocabulary, ""], object)
    stored = [[word for word in row if word] for row in words[slots]]
    np.testing.assert_array_equal(binarizer.transform(stored), binarizer.transform(kept))
    assert stored == kept  # order and repetitions too
    hashed = [[1 + zlib.crc32(v.encode()) % 5 for v in values_in(t, ", ")][:2] for t in texts_of(everything.tags_hash)]
    slots = rows[["tags_hash[0]", "tags_hash[1]"]].to_numpy()
    assert slots.tolist() == [[*ids, 6, 6][:2] for ids in hashed]


@pytest.mark.parametrize(("name", "smoothing", "limit"), [("city_mean", 5.0, 1000), ("city_mean_few", 0.0, 2)])
def test_target_means(store, rows, train, frame, name, smoothing, limit):
    """Fitted on other folds for training rows, on all training rows for others, as scikit-learn does it."""
    kept = set(fitted(store, name).vocabulary)
    assert len(kept) == min(limit, len(CITIES)) + 1
    assert_stored(rows, name, target_means(rows, frame, train, frame[name].fillna(NULL_TOKEN), kept, smoothing))


def test_target_means_of_a_cross(store, rows, train, frame):
    kept = set(fitted(store, "both_mean").vocabulary)
    assert_stored(rows, "both_mean", target_means(rows, frame, train, crossed(frame, ["city", "size"]), kept, 20.0))


def target_means(
    rows: pd.DataFrame, frame: pd.DataFrame, train: pd.DataFrame, texts: pd.Series, kept: set[str], smoothing: float
) -> pd.Series:
    scaled = (frame.y - train.y.mean()) / train.y.std(ddof=0)
    folds = rows.fold[train.index]
    parts = [(train.index[folds != fold], train.index[folds == fold]) for fold in range(FOLDS)]
    parts.append((train.index, rows.index[rows.split != "train"]))
    result = pd.Series(index=rows.index, dtype=float)
    for learned, asked in parts:
        encoder = TargetEncoder(smooth=smoothing, target_type="continuous")
        encoder.fit(texts[learned].to_frame(), scaled[learned])
        values = encoder.transform(texts[asked].to_frame()).ravel()
        unknown = scaled[train.index].mean()
        seen = texts[asked].isin(kept).to_numpy()
        result[asked] = np.where(seen, values, unknown)
    return result


def test_weights_have_the_mean_one_in_training_rows(store, rows, train, frame):
    assert store.features.weight_mean == pytest.approx(train.weight.mean(), rel=TOLERANCE)
    assert_stored(rows, WEIGHT, source_of(rows, frame).weight / train.weight.mean())


def test_dates_and_derived_columns_are_scaled_numbers(store, rows, train, frame):
    day = pd.to_datetime(frame.day)
    computed = pd.DataFrame(
        {
            "day_year": day.dt.year,
            "day_month": day.dt.month,
            "day_weekday": day.dt.weekday,
            "day_days": (day - pd.Timestamp("1970-01-01")).dt.days,
            "day_since": (day - pd.Timestamp("2020-01-01")).dt.days,
            "ratio": frame.outlying_none / (frame.zeros_none.abs() + 1),
        }
    ).astype(float)
    for name, column in computed.items():
        learned, feature = StandardScaler().fit(known(column[train.index])), fitted(store, str(name))
        center, scale = learned.mean_[0], learned.scale_[0]
        assert (feature.center, feature.scale) == pytest.approx((center, scale), rel=TOLERANCE)
        filled = column[rows.index].fillna(column[train.index].mean())
        # Ten digits of a year are kept, which beside its deviation are seven.
        np.testing.assert_allclose(rows[name], (filled - center) / scale, rtol=1e-6, atol=1e-6)
