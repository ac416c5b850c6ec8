"""The section `model`: checked by the network that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig
from pipeline.errors import ConfigError
from pipeline.networks.mlp import MlpConfig
from pipeline.networks.network import NETWORKS, NetworkInputs

MINIMAL = {
    "name": "n",
    "data": {"source": {"path": "t.csv"}, "label": "y"},
    "features": {"numeric": {"columns": "x"}},
}
OWN = '''
from pipeline.schemas.section import Count
from pipeline.networks.network import Network, NetworkConfig


class WideConfig(NetworkConfig):
    """One wide layer."""

    units: Count = 8


WIDE = Network("wide", "One wide layer.", WideConfig, {"model.units": {"int": [4, 16]}})
NOTHING = 3
'''


def with_model(model: object) -> RunConfig:
    return parse_config({**MINIMAL, "model": model})


def message_of(model: object) -> str:
    with pytest.raises(ConfigError) as raised:
        with_model(model)
    return str(raised.value)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's own."""
    (tmp_path / "own_networks.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "own_networks"


def test_the_default_is_the_multi_layer_network():
    assert with_model({}).model == with_model({"type": "mlp"}).model == MlpConfig() == parse_config(MINIMAL).model
    assert with_model({"hidden": [3]}).model.describe() == "3 relu"
    assert with_model({"hidden": []}).model.describe() == "linear"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"type": "mpl"},
            "'model.type': there is no network 'mpl'. Allowed: mlp, or package.module:name. Did you mean 'mlp'?",
        ),
        ({"type": 3}, "'model.type': there is no network '3'"),
        ({"hiden": [3]}, "Unknown key 'model.hiden'. Did you mean 'hidden'?"),
        ({"hidden": [3, 0]}, "'model.hidden[1]' has a wrong value. Allowed: greater than or equal to 1. Received: 0."),
        (3, "'model' has a wrong value. Allowed: dictionary"),
        (
            {"type": "absent.module:X"},
            "'model.type': Network 'absent.module:X' cannot be used: No module named 'absent'",
        ),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(model, message):
    assert message in message_of(model)


def test_l2_is_short_for_a_regularizer():
    import keras

    def regularizers(**settings: object) -> list[object]:
        features = keras.Input((3,))
        inputs = NetworkInputs({"numeric": features}, (features,), features=None)
        network = keras.Model(features, MlpConfig(**settings).build(inputs, 1))
        return [keras.regularizers.serialize(layer.kernel_regularizer) for layer in network.layers[1:]]

    same = regularizers(hidden=(4,), l2=0.1), regularizers(hidden=(4,), regularizer={"name": "l2", "weight": 0.1})
    assert same[0] == same[1] == [keras.regularizers.serialize(keras.regularizers.L2(0.1))] * 2
    assert with_model({"regularizer": "l1"}).model.regularizer.weight == 0.01
    assert "'model': l2 and regularizer are both given: 0.1 and l1. Give one" in message_of(
        {"l2": 0.1, "regularizer": "l1"}
    )


def test_all_problems_are_told_at_once():
    message = message_of({"hidden": [0], "dropout": 2})
    assert "(2 problems)" in message
    assert "'model.hidden[0]'" in message
    assert "'model.dropout'" in message


def test_a_network_of_the_user_s_own(own):
    entry, section = with_model({"type": f"{own}:WIDE"}), with_model({"type": f"{own}:WideConfig", "units": 5})
    assert (entry.model.units, section.model.units) == (8, 5)
    assert (entry.model.describe(), section.model.describe()) == ("WIDE", "WideConfig")
    assert "Unknown key 'model.unit'. Did you mean 'units'?" in message_of({"type": f"{own}:WideConfig", "unit": 5})
    assert "Received: 3" in message_of({"type": f"{own}:NOTHING"})
    for config in (entry, section):
        assert RunConfig.model_validate_json(config.model_dump_json()) == config
        assert parse_config(config.model_dump(mode="json")) == config


def test_what_names_are_derived_from_has_all_settings_of_the_network(own):
    shipped = with_model({"hidden": [4]}).identity(include={"model"})
    assert shipped == {"model": {"type": "mlp", "hidden": [4], "activation": "relu", "dropout": 0.0, "l2": 0.0}}
    wide = f"{own}:WideConfig"
    assert with_model({"type": wide}).identity(include={"model"}) == {"model": {"type": wide, "units": 8}}


def test_a_space_may_be_the_network_s(own):
    default = parse_config({**MINIMAL, "search": {"space": "auto"}})
    assert [*default.search.space] == [*NETWORKS.get("mlp").search]
    wide = parse_config({**MINIMAL, "model": {"type": f"{own}:WIDE"}, "search": {"space": "auto"}})
    assert wide.search.space["model.units"].int == (4, 16)
    assert parse_config(wide.model_dump(mode="json")) == wide
