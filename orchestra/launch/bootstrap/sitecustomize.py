"""Run by Python itself when it starts, because `orchestra run` put this folder on PYTHONPATH; nothing imports it."""

import sys
from importlib import import_module
from pathlib import Path


def start() -> None:
    """Let the next sitecustomize run that this one stands before, then watch for LiteLLM."""
    here = Path(__file__).parent
    sys.path[:] = [entry for entry in sys.path if Path(entry) != here]
    mine = sys.modules.pop("sitecustomize", None)
    try:
        import_module("sitecustomize")  # another's, now that this folder is off the path
    except ImportError:
        if mine is not None:
            sys.modules["sitecustomize"] = mine
    try:
        from orchestra.launch import watch
    except ImportError:
        sys.stderr.write(f"orchestra run: no Orchestra in {sys.executable}; this program runs without it\n")
    else:
        watch()


start()
