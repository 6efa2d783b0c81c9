"""The environment of the service on one machine: OpenBao, an AWS emulator and a simulated platform.

Every script puts the checkout, not this folder, on the module path. Otherwise `local/platform.py`
would hide the module `platform` of the standard library.
"""
