"""A folder that takes no files is refused before a job works for it."""

from __future__ import annotations

import re

import pytest

from pipeline.errors import PlatformError
from pipeline.store.filesystem import storage_path
from pipeline.store.reach import check_reachable


def test_a_folder_that_is_not_there_yet_is_neither_refused_nor_made(tmp_path):
    check_reachable(storage_path(f"{tmp_path}/new/root"), "storage.root")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("folder", "cause"),
    [("/proc/nope", "/proc: No such file or directory"), ("{file}/root", "{file}: Not a directory")],
)
def test_a_folder_in_which_nothing_can_be_made_is_refused(tmp_path, folder, cause):
    file = tmp_path / "file"
    file.touch()
    folder, cause = folder.format(file=file), cause.format(file=file)
    expected = f"storage.root '{folder}' cannot be written to: {cause}. Allowed: a folder in which this user may"
    with pytest.raises(PlatformError, match=re.escape(expected)):
        check_reachable(storage_path(folder), "storage.root")
