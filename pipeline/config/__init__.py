"""The configuration: typed, checked as a whole, frozen."""

from pipeline.config.load import load_config
from pipeline.config.run import RunConfig

__all__ = ["RunConfig", "load_config"]
