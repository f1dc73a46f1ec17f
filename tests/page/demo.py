# SPDX-License-Identifier: Apache-2.0
"""The end of `make demo` as a terminal shows it, in DIRECTORY/demo.png. A part of `make pictures`.

Usage: tests/page/demo.py DIRECTORY
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "testbed")]
import screenshot  # noqa: E402
from browser import Browser  # noqa: E402
from terminal import Terminal  # noqa: E402

WIDTH = 100
BEGIN, END = "3  A planned move", "ENDED"


class Here:
    """This host, for a browser that shows a file."""

    def __init__(self, directory):
        self.directory = directory

    def spawn(self, words, name, **more):
        with open(f"{self.directory}/{name}.log", "w") as log:
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **more)

    def end(self, process):
        """With its children, which write below the directory."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def demo():
    """Its lines, with colours."""
    with Terminal("/usr/bin/python3", str(HERE.parent / "lab" / "demo.py"), width=WIDTH, height=120) as terminal:
        terminal.wait(lambda text: END in text, "the end", 300)
        plain, drawn = terminal.screen(), terminal.screen("-e")
    assert f"{END} 0" in plain, "\n".join(plain)
    return drawn[plain.index(BEGIN):plain.index(f"{END} 0")]


def main():
    drawn = pathlib.Path(sys.argv[1], "demo.svg").absolute()
    os.makedirs(drawn.parent, exist_ok=True)
    drawn.write_text(screenshot.svg(demo(), WIDTH))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory, Browser(Here(directory)) as browser:
        browser.open(drawn.as_uri())
        browser.picture(drawn.with_suffix(".png"), drawn=True)


main()
