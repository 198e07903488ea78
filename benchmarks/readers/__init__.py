"""Public benchmarks in the layouts in which they are handed out; a file that is missing is named, with where it is obtained."""
