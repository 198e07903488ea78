"""A compact pose model of our own for MMPose: the people it learns from, its training, its weights, and a table of what it finds."""
