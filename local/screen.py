"""What the demo shows: headings, verified facts, one moving line while something takes time, and the table at the end.

Plain text without a terminal; no colour with NO_COLOR. Decides nothing.
"""
import os
import shutil
import sys
import textwrap
import threading
import time
from contextlib import contextmanager

_FRAMES = "|/-\\"
_PLAIN_REMINDER_SECONDS = 15
_BOLD, _GREEN, _RED, _DIM = "1", "32", "31", "2"


class Screen:
    def __init__(self, out=sys.stdout):
        self._out = out
        self._out.reconfigure(errors="replace", line_buffering=True)
        self._terminal = out.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self._terminal and not os.environ.get("NO_COLOR")

    def heading(self, text: str) -> None:
        self._write(f"\n{self._paint(_BOLD, text)}")

    def tell(self, text: str) -> None:
        width = min(shutil.get_terminal_size((110, 24)).columns - 2, 110)
        self._write(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))

    def raw(self, text: str) -> None:
        self._write(text)

    def verified(self, text: str) -> None:
        self._write(f"  {self._paint(_GREEN, 'ok')} {text}")

    def failed(self, text: str) -> None:
        self._write(f"  {self._paint(_RED, 'NOT VERIFIED')} {text}")

    def quiet(self, text: str) -> None:
        self._write(self._paint(_DIM, text))

    @contextmanager
    def waiting(self, what: str):
        """Shows `what` and the seconds that it takes, until the block ends."""
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(what, done), daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()

    def table(self, header: tuple, rows: list) -> None:
        """Columns as wide as their content; the last two columns to the right of the longest text."""
        widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
        for number, row in enumerate([header, tuple("-" * width for width in widths), *rows]):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            self._write(self._paint(_BOLD, line) if number == 0 else line)

    def _tick(self, what: str, done: threading.Event) -> None:
        started = time.monotonic()
        if not self._terminal:
            # What is over at once needs no line.
            wait = 1
            while not done.wait(wait):
                self._write(f"  ... {what} ({time.monotonic() - started:.0f} s)")
                wait = _PLAIN_REMINDER_SECONDS
            return
        frame = 0
        while not done.wait(0.1):
            frame += 1
            line = f"  {_FRAMES[frame % len(_FRAMES)]} {what} ({time.monotonic() - started:.0f} s)"
            self._out.write("\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1])
            self._out.flush()
        self._out.write("\r\x1b[K")
        self._out.flush()

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
