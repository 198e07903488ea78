"""Training of the parts that a preset holds (extra `train`)."""
