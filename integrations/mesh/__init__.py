"""deocc-aug for 3D: mesh regressors, of any environment, that see each person whole."""
