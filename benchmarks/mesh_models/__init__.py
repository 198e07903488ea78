"""A compact mesh regressor of our own, with which to measure what de-occlusion does for meshes."""
