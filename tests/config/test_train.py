"""`train.class_weights`, and what the feed may use, as people write them."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from pipeline.config.train import TrainConfig


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", "none"),
        ("balanced", "balanced"),
        ("{'no': 1, 'yes': 2.5}", {"no": 1.0, "yes": 2.5}),
        ("{0: 1, 1: 0}", {"0": 1.0, "1": 0.0}),
    ],
)
def test_what_is_allowed(text, expected):
    section = TrainConfig(class_weights=yaml.safe_load(text))
    assert section.class_weights == expected
    assert TrainConfig.model_validate_json(section.model_dump_json()) == section


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("balance", "allowed are none, balanced, or a weight for each class by name. Received: 'balance'"),
        ("{}", "allowed are none, balanced"),
        ("2", "Received: 2"),
        ("{yes: 2}", "a class is named True, as YAML reads it: write the names of classes in quotes"),
        ("{a: -1}", "the weight of class 'a' must be a number, 0 or more. Received: -1"),
        ("{a: .inf}", "Received: inf"),
        ("{a: .nan}", "Received: nan"),
        ("{a: many}", "Received: 'many'"),
    ],
)
def test_what_is_not(text, message):
    with pytest.raises(ValidationError) as caught:
        TrainConfig(class_weights=yaml.safe_load(text))
    assert message in str(caught.value)
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2 GB", 2 << 30), ("512MB", 512 << 20), ("1.5 gb", 3 << 29), ("134217728", 128 << 20), ("131072 kb", 128 << 20)],
)
def test_sizes_are_bytes_or_texts_with_a_unit(text, expected):
    section = TrainConfig(feed_memory=yaml.safe_load(text), cache_bytes=text)
    assert (section.feed_memory, section.cache_bytes) == (expected, expected)
    assert TrainConfig.model_validate_json(section.model_dump_json()) == section


def test_without_a_word_a_rank_has_a_gigabyte_and_no_cache():
    section = TrainConfig()
    assert (section.feed_memory, section.feed_threads, section.cache) == (1 << 30, None, "none")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"feed_memory": "2 cows"}, "allowed are bytes as a number, or with KB, MB, GB or TB. Received: '2 cows'"),
        ({"feed_memory": "GB"}, "Received: 'GB'"),
        ({"feed_memory": True}, "a number is needed, not true or false"),
        ({"feed_memory": "63 MB"}, "greater than or equal to 67108864"),
        ({"cache_bytes": 0}, "greater than or equal to 1"),
        ({"cache": "ram"}, "'none', 'memory' or 'disk'"),
        ({"feed_threads": 0}, "greater than or equal to 1"),
    ],
)
def test_what_the_feed_may_not_use(settings, message):
    with pytest.raises(ValidationError) as caught:
        TrainConfig(**settings)
    assert message in str(caught.value)
    assert caught.value.error_count() == 1
