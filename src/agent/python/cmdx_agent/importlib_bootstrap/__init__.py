"""The wrappers that stand between the program and its drivers.

The folder's name matters: Python's `warnings` looks past frames whose file name holds `importlib` and `_bootstrap`, so
a warning about the program's own call is still attributed to the program's line.
"""
