"""Stage 2: the missing pixels, by diffusion guided by the completed body."""
