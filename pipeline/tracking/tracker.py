"""The interface by which stages log a run, and two implementations that need no server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.store.filesystem import StoragePath
from pipeline.tracking.promotion import Candidate, Promotion, promotion_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Param = str | int | float | bool | None
Upload = Literal["done", "pending", "failed"]
"""Of a model: the tracking server has it; it is kept for a later job to upload; or it could not even be kept."""


class Tracker(Protocol):
    """One tracked run. A tracker never raises: an error in tracking must not end the work that is tracked."""

    @property
    def run_id(self) -> str | None:
        """The run's id; None where nothing is recorded."""

    @property
    def upload(self) -> Upload | None:
        """What became of the logged model; None where none was logged."""

    def log_params(self, params: Mapping[str, Param]) -> None:
        """Log settings that vary between runs."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags to filter by; a later value replaces an earlier one."""

    def describe(self, markdown: str) -> None:
        """Set the run's description, which people read first."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics at an epoch, counted from 1, or of the run as a whole."""

    def log_text(self, text: str, path: str) -> None:
        """Log a text as an artifact."""

    def log_figure(self, figure: Figure, path: str) -> None:
        """Log a figure as an artifact."""

    def log_picture(self, png: bytes, path: str) -> None:
        """Log a picture, already drawn as PNG, as an artifact."""

    def log_model(self, file: StoragePath, state: FittedFeatures) -> str | None:
        """Log the model that takes raw columns; returns its URI, or None where it was not logged."""

    def register(self, name: str, candidate: Candidate) -> Promotion | None:
        """Register a version of the logged model; returns its promotion, or None where it was not registered."""


@dataclass(frozen=True)
class NullTracker:
    """Records nothing."""

    run_id: str | None = None
    upload: Upload | None = None

    def log_params(self, params: Mapping[str, Param]) -> None:
        """Nothing."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Nothing."""

    def describe(self, markdown: str) -> None:
        """Nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Nothing."""

    def log_text(self, text: str, path: str) -> None:
        """Nothing."""

    def log_figure(self, figure: Figure, path: str) -> None:
        """Nothing."""

    def log_picture(self, png: bytes, path: str) -> None:
        """Nothing."""

    def log_model(self, file: StoragePath, state: FittedFeatures) -> str | None:
        """Nothing."""
        return None

    def register(self, name: str, candidate: Candidate) -> Promotion | None:
        """Nothing."""
        return None


@dataclass
class MemoryTracker:
    """Keeps everything in memory, for tests and notebooks.

    Attributes:
        params: the logged parameters.
        tags: the tags.
        description: the latest description.
        metrics: from (name, step) to value; step 0 is the run as a whole.
        artifacts: texts, figures and PNG pictures by path.
        models: the files of logged models.
        registered: candidates by the name of the registered model; the last one is the champion.
    """

    run_id: str | None = "memory"
    params: dict[str, Param] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    description: str = ""
    metrics: dict[tuple[str, int], float] = field(default_factory=dict)
    artifacts: dict[str, Any] = field(default_factory=dict)
    models: list[StoragePath] = field(default_factory=list)
    registered: dict[str, list[Candidate]] = field(default_factory=dict)

    @property
    def upload(self) -> Upload | None:
        """Kept here, so that there is nothing to wait for."""
        return "done" if self.models else None

    def log_params(self, params: Mapping[str, Param]) -> None:
        """Keep them."""
        self.params.update(params)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Keep them."""
        self.tags.update(tags)

    def describe(self, markdown: str) -> None:
        """Keep it."""
        self.description = markdown

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Keep them."""
        self.metrics.update({(name, step or 0): value for name, value in metrics.items()})

    def log_text(self, text: str, path: str) -> None:
        """Keep it."""
        self.artifacts[path] = text

    def log_figure(self, figure: Figure, path: str) -> None:
        """Keep it."""
        self.artifacts[path] = figure

    def log_picture(self, png: bytes, path: str) -> None:
        """Keep it."""
        self.artifacts[path] = png

    def log_model(self, file: StoragePath, state: FittedFeatures) -> str | None:
        """Keep the path of its file."""
        self.models.append(file)
        return file.uri

    def register(self, name: str, candidate: Candidate) -> Promotion | None:
        """Keep it; each is compared with the previous one."""
        before = self.registered.setdefault(name, [])
        promotion = promotion_of(candidate, before[-1] if before else None, exists=bool(before))
        before.append(candidate)
        return promotion
