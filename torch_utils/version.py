"""The project's version, as it stands in snapshots and pictures."""

PROJECT_VERSION = "0.1.0"
