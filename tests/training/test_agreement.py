"""How ranks agree on their exchange; those of one process, in threads, cannot share memory among themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.errors import ConfigError
from pipeline.store.filesystem import storage_path

pytestmark = pytest.mark.timeout(120)

OTHER_ORDER = "the checkpoint was taken with another order of summation"


@pytest.fixture(autouse=True)
def _compiled():
    pytest.importorskip("tensorflow")
    from pipeline.exchange.build import build_library

    build_library()


def agreed(folder, hosts=("a", "a"), *, may_share=True, recorded=None, limit=10.0):
    from pipeline.training.agreement import Meeting, agree

    def take(rank):
        meeting = Meeting(storage_path(str(folder)), hosts, rank, limit)
        return agree(meeting, may_share=may_share, recorded=lambda: recorded)

    with ThreadPoolExecutor(len(hosts)) as pool:
        found = list(pool.map(take, range(len(hosts))))
    assert all(agreement == found[0][0] and membership is None for agreement, membership in found)
    return found[0][0]


@pytest.mark.parametrize(
    ("asked", "summation", "reason"),
    [
        ({"hosts": ("a", "b")}, "ring_of_buckets", "each rank is alone on its host"),
        ({"hosts": ("a", "b", "c"), "recorded": "rank_order"}, "rank_order", "each rank is alone on its host"),
        ({"recorded": "ring"}, "ring", OTHER_ORDER),
        ({"recorded": "ring_of_buckets"}, "ring_of_buckets", OTHER_ORDER),
        ({"hosts": ("a", "a", "b"), "recorded": "rank_order"}, "rank_order", OTHER_ORDER),
        ({"hosts": ("a", "a", "b"), "recorded": "ring"}, "ring", OTHER_ORDER),
        ({"may_share": False}, "ring_of_buckets", "train.exchange is horovod"),
        ({"may_share": False, "recorded": "rank_order"}, "rank_order", "train.exchange is horovod"),
    ],
)
def test_all_take_horovod_where_memory_is_not_to_be_shared(tmp_path, caplog, asked, summation, reason):
    agreement = agreed(tmp_path, **asked)
    assert (agreement.exchange, agreement.summation, agreement.reason) == ("horovod", summation, reason)
    assert caplog.records == []


def test_without_operations_for_this_tensorflow_all_take_horovod_and_one_says_so(tmp_path, caplog, monkeypatch):
    from pipeline.exchange import library

    monkeypatch.setattr(library, "compiled_name", lambda: "exchange-2.0-other.so")
    library.load_library.cache_clear()  # it keeps no failure
    agreement = agreed(tmp_path)
    assert agreement.exchange == "horovod"
    assert "on rank 0, the exchange through shared memory is not compiled for TensorFlow 2." in caplog.text
    assert "(no built/exchange-2.0-other.so); run scripts/setup." in caplog.text


def test_one_rank_that_cannot_share_is_enough(tmp_path, caplog):
    """Rank 1 sees another process under the number of rank 0's, as in another container."""
    from pipeline.exchange.region import Region
    from pipeline.training.agreement import Agreement, Answer, Meeting, Offer, agree

    folder = storage_path(str(tmp_path))
    written = {
        "offer-0": Offer(region=Region(process=1, descriptor=0, name="pipeline-other")),
        "agreement": Agreement(exchange="horovod", summation="ring_of_buckets", reason="on rank 1, it cannot"),
    }
    (tmp_path / "exchange").mkdir()
    for name, document in written.items():
        (tmp_path / "exchange" / f"{name}.json").write_text(document.to_json())
    found = agree(Meeting(folder, ("a", "a"), 1, 10.0), may_share=True, recorded=None)
    assert found == (written["agreement"], None)
    answer = Answer.from_json((tmp_path / "exchange" / "answer-1.json").read_text(), "the answer")
    assert "process 1" in answer.refusal


def test_an_order_by_hosts_needs_shared_memory(tmp_path):
    with pytest.raises(ConfigError, match=r"host by host \(hosts_2_1\), .* train\.exchange is horovod\. Fix this"):
        agreed(tmp_path, ("a", "a", "b"), may_share=False, recorded="hosts_2_1", limit=0.5)


def test_a_rank_that_answers_nothing_is_not_waited_for_for_ever(tmp_path):
    from pipeline.training.agreement import Meeting, agree

    with pytest.raises(TimeoutError, match=r"between ranks broke off: no rank wrote .*answer-1\.json within 0\.2 s"):
        agree(Meeting(storage_path(str(tmp_path)), ("a", "a"), 0, 0.2), may_share=True, recorded=None)
