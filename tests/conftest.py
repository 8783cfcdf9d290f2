"""What all tests share."""

import importlib.util
import sys
from pathlib import Path

# tests are no packages (import-mode=importlib), so what they share is loaded by its path
_spec = importlib.util.spec_from_file_location("virtual_time", Path(__file__).parent / "virtual_time.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["virtual_time"] = _module
_spec.loader.exec_module(_module)
