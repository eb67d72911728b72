"""mgdist: from one YAML job to a multi-granularity model that runs on a device."""

__version__ = "0.1.0"
__all__ = ["__version__"]
