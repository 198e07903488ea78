"""deocc-aug inside other libraries: one module or package a library, importable without it."""
