"""Pose estimators that the benchmark judges: one module a runtime, each imported only where it is used."""
