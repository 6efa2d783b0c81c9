"""The service's surroundings on one machine: a real OpenBao, an AWS emulator and the platform's rotation as a simulator.

A package, and every script puts the checkout (not this folder) on the module path: `local/platform.py` would otherwise hide
the standard library's `platform` from everything that runs here.
"""
