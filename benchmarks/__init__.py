"""Measuring what de-occlusion does for the estimators that follow."""
