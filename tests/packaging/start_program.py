"""start.py of this repository, loaded as a module."""

import importlib.util
from pathlib import Path

START = Path(__file__).parents[2] / "start.py"


def load_start():
    spec = importlib.util.spec_from_file_location("start", START)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
