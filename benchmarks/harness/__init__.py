"""The benchmark harness: arms x estimators over a data set, person by person, resumable, with one report."""
