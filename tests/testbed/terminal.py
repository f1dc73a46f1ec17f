# SPDX-License-Identifier: Apache-2.0
"""A terminal for a program: tmux, which nobody looks at."""

import contextlib
import os
import select
import shlex
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VIPCTL = os.path.join(ROOT, os.environ.get("VIPD_BUILD", "build"), "vipctl")


class Terminal:
    def __init__(self, *command, width=80, height=24, **environment):
        self.socket = f"vipd-{os.getpid()}-{id(self)}"
        words = {"TERM": None, "LC_ALL": "C.UTF-8", "TZ": "UTC", **environment}  # tmux sets TERM
        env = ["env", *(f"{name}={value}" for name, value in words.items() if value is not None)]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  shlex.join([*env, *command]) + "; echo ENDED $?; stty -a; exec cat", ";", "set", "-g", "status", "off")

    def tmux(self, *arguments):
        done = subprocess.run(["tmux", "-u", "-L", self.socket, *arguments], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def screen(self, *options):
        """Its lines. -e: with colours; -J: those that the terminal has broken are one."""
        return [line.rstrip() for line in self.tmux("capture-pane", "-p", *options).splitlines()]

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def pid(self):
        """Of the program itself."""
        [shell] = self.tmux("list-panes", "-F", "#{pane_pid}").split()
        with open(f"/proc/{shell}/task/{shell}/children") as children:
            return int(children.read().split()[0])

    def wait(self, until, what="the screen", deadline=15):
        """Looks until until(the text of the screen) is true, and returns that text."""
        end = time.monotonic() + deadline
        while True:
            text = "\n".join(self.screen())
            if until(text):
                return text
            assert time.monotonic() < end, f"{what} never comes; this is there:\n{text}"
            time.sleep(0.02)  # sleep-ok: a step of a poll with a deadline

    def shows(self, *words):
        """Words, or sentences, which may be broken between words."""
        return self.wait(lambda text: all(word in text or word in " ".join(text.split()) for word in words), " and ".join(words))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing is left: a sanitizer that looks for leaks while its terminal goes may wait for ever, on a whole processor."""
        program = None
        with contextlib.suppress(AssertionError, LookupError, ValueError, OSError):
            program = os.pidfd_open(self.pid())
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True, timeout=20)
        if program is not None:
            if not select.select([program], [], [], 5)[0]:
                signal.pidfd_send_signal(program, signal.SIGKILL)
            os.close(program)
