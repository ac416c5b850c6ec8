"""Memory that is used again: only when nobody sees it any more."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from pipeline.feed.buffers import ALIGNMENT, SMALLEST, Buffers

LARGE = (SMALLEST, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
@pytest.mark.parametrize("shape", [LARGE, (3, 5, 7000), (1,), (0, 4)])
def test_arrays_are_like_any_other(shape, dtype):
    array = Buffers(1 << 30).empty(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    array[:] = 1
    assert array.sum() == array.size


def test_memory_is_used_again_when_its_last_view_is_gone():
    buffers = Buffers(1 << 30)
    array = buffers.empty(LARGE, np.float32)
    assert array.ctypes.data % ALIGNMENT == 0
    address, view = array.ctypes.data, array[5:].reshape(-1)[::2]
    del array
    gc.collect()
    other = buffers.empty(LARGE, np.float32)
    assert other.ctypes.data != address
    del view
    gc.collect()
    assert buffers.empty(LARGE, np.int32).ctypes.data == address


def test_tensorflow_takes_it_over_and_keeps_it():
    tf = pytest.importorskip("tensorflow")
    buffers = Buffers(1 << 30)

    def produce():
        for number in range(20):
            array = buffers.empty(LARGE, np.float32)
            array[:] = number
            yield array

    dataset = tf.data.Dataset.from_generator(produce, output_signature=tf.TensorSpec(LARGE, tf.float32))
    for number, tensor in enumerate(list(dataset.prefetch(2))):
        assert (tensor.numpy() == number).all()


def test_little_is_kept_unused():
    buffers = Buffers(4 * SMALLEST)
    arrays = [buffers.empty((SMALLEST,), np.uint8) for _ in range(10)]
    addresses = {array.ctypes.data for array in arrays}
    arrays.clear()
    gc.collect()
    again = [buffers.empty((SMALLEST,), np.uint8) for _ in range(4)]
    assert {array.ctypes.data for array in again} <= addresses
    assert len(buffers._free[SMALLEST]) == 0


def test_threads_never_get_the_same_memory():
    buffers, wrong = Buffers(1 << 30), []

    def work(number: int) -> None:
        for _ in range(300):
            array = buffers.empty(LARGE, np.int32)
            array[:] = number
            if (array != number).any():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
