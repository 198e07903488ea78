"""A command that is killed at its n-th file."""
KILLER = """
import os, signal, sys
from deocc_aug.cli import main
replace, left = os.replace, [int(sys.argv[1])]
def dying(source, target):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = dying
sys.exit(main(sys.argv[2:]))
"""
