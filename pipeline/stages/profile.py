"""The profile of a store, logged with its page and compared with the limits of the configuration."""

from __future__ import annotations

from pipeline.config.drift import DriftConfig
from pipeline.config.source import SourceConfig
from pipeline.preparation.profile.drift_limits import enforce
from pipeline.redact import redacted
from pipeline.report.profile_page import profile_page
from pipeline.store.store import Store, read_audit, read_profile
from pipeline.tracking.tracker import Tracker


def report_profile(tracker: Tracker, store: Store, source: SourceConfig, drift: DriftConfig) -> None:
    """Log the profile and its page, and compare the splits with the limits of the configuration.

    Raises:
        DataError: drift of the validation or test rows exceeds a limit that stops the job.
    """
    profile = read_profile(store)
    if profile is None:
        return
    tracker.log_text(profile.to_json(), "data/profile.json")
    page = profile_page(store.manifest.name, source_name(source), profile, read_audit(store))
    tracker.log_text(page, "data/profile.html")
    for report in profile.drift:
        named = report.model_copy(update={"data": f"the {report.data} rows"})
        enforce(named, drift)


def source_name(config: SourceConfig) -> str:
    """The name of a source for people, without a password in its address."""
    return redacted(config.table or config.sample or config.query or ", ".join(config.path or ()))
