"""Stage 1: the whole silhouette and all joints from what is seen, by diffusion."""
