"""The tasks of Orbyard, for `invoke` in this folder."""

from pipeline.program import namespace as ns  # noqa: F401
