"""Documents are JSON that comes back as it went, or is refused."""

from __future__ import annotations

import pytest

from pipeline.errors import StoreError
from pipeline.evaluation.folds import CrossvalReport, FoldScore
from pipeline.kinds.fitted_features import FittedFeatures, store_schema_of
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import HashedDocument, fingerprint
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.store_schema import ROW_ID
from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.store.bundle import ModelTest
from pipeline.store.manifest import FoldsManifest, Manifest
from pipeline.store.model import ModelCard

STATE = FittedFeatures(
    numeric=(ScaledFeature(name="größe", source="größe", fill=None, center=0.1, scale=1e-300),),
    categorical=(VocabularyFeature(name="c", sources=("c",), vocabulary=("日本", NULL_TOKEN, 'a"b\n', "")),),
    label=LabelSpec(name="y", task="binary", classes=("no", "yes")),
)


def test_a_document_comes_back_and_has_one_text():
    text = STATE.to_json()
    assert FittedFeatures.from_json(text, "f") == STATE
    assert FittedFeatures.from_json(text, "f").to_json() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"f\.json is not a valid FittedFeatures: the document: .*EOF"),
        (
            STATE.to_json().replace('"fill"', '"full"'),
            r"f\.json is not a valid FittedFeatures: numeric\.0\.scaled\.full: Extra inputs are not permitted",
        ),
        (STATE.to_json().replace('"yes"', '"yes", "perhaps"'), r"label: .*3 classes do not fit a binary label"),
        ("{}", r"Delete it and run the job again\."),
    ],
)
def test_a_text_that_is_no_such_document_is_refused(text, message):
    with pytest.raises(StoreError, match=message):
        FittedFeatures.from_json(text, "f.json")


class Counted(HashedDocument):
    """Version 1 of a document."""

    formats_without_hash = (None,)
    rows: int
    share: float


class Extended(Counted):
    """Version 2 of it."""

    note: str = "none"


def test_a_hash_holds_for_documents_of_earlier_versions():
    text = Counted(rows=3, share=1e-7).to_json()
    assert Extended.from_json(text, "f") == Extended(rows=3, share=1e-7)
    assert Counted.from_json('{"rows": 3, "share": 1e-7}', "f") == Counted(rows=3, share=1e-7)
    with pytest.raises(StoreError, match=r"f was altered: the SHA-256 .* Delete it and run the job again\."):
        Extended.from_json(text.replace("3", "4", 1), "f")


@pytest.mark.parametrize(
    "kind", [CrossvalReport, DecisionRule, FoldScore, FoldsManifest, Manifest, ModelCard, ModelTest]
)
def test_documents_that_no_other_file_has_the_hash_of_carry_their_own(kind):
    assert issubclass(kind, HashedDocument)


@pytest.mark.parametrize(
    ("task", "classes"), [("regression", ("a",)), ("binary", ()), ("binary", ("a",)), ("multiclass", ("a",))]
)
def test_classes_fit_the_task(task, classes):
    with pytest.raises(ValueError, match="classes do not fit"):
        LabelSpec(name="y", task=task, classes=classes)


def test_columns_of_a_store():
    contract = store_schema_of(STATE)
    assert [(c.name, c.type, c.role, c.size) for c in contract.columns] == [
        ("größe", "float32", "numeric", None),
        ("c", "int32", "categorical", 5),
        ("y", "int32", "label", None),
        (ROW_ID, "int64", "row_id", None),
    ]
    regression = STATE.model_copy(update={"label": LabelSpec(name="y", task="regression")})
    assert store_schema_of(regression).columns[2].type == "float64"


@pytest.mark.parametrize(
    ("task", "classes", "outputs"),
    [("regression", (), 1), ("binary", ("a", "b"), 1), ("multiclass", ("a", "b", "c"), 3)],
)
def test_outputs_of_the_network(task, classes, outputs):
    assert LabelSpec(name="y", task=task, classes=classes).outputs == outputs


def test_a_fingerprint_ignores_the_order_of_keys_and_nothing_else():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert len({fingerprint(x) for x in ({"a": 1}, {"a": 1.5}, {"a": "1"}, {"a": [1]}, {"a": None})}) == 5
