"""Upload: what earlier jobs could not send to the tracking server."""

from __future__ import annotations

import time

from pipeline.config.run import RunConfig
from pipeline.errors import PlatformError
from pipeline.redact import redacted
from pipeline.stages.results.run import UploadResult
from pipeline.store.filesystem import storage_path
from pipeline.tracking.address import address_of
from pipeline.tracking.mlflow_store import connect, reason_of
from pipeline.tracking.open_tracker import send_unsent


def upload(config: RunConfig) -> UploadResult:
    """Send the entries and models that wait under a storage root for its tracking server, in this process.

    Args:
        config: any experiment with this `storage.root` and `track.uri`.

    Raises:
        PlatformError: the server does not answer.
    """
    start = time.monotonic()
    root = storage_path(config.storage.root)
    address = address_of(config.track, root)
    try:
        connect(address).search_experiments(max_results=1)
    except Exception as error:
        raise PlatformError(
            f"MLflow at {redacted(address.uri)} does not answer: {reason_of(error).rstrip('.')}. What waits for it "
            "is kept. Start it, check track.uri, and run the same command again."
        ) from error
    sent, pending = send_unsent(address, root)
    return UploadResult(sent=sent, pending=pending, seconds=time.monotonic() - start)
