"""The run-time checker of the test run: beartype, which takes an int for a float as PEP 484 has it."""
from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
