# SPDX-License-Identifier: Apache-2.0
"""pytest in private worlds: run.py DIRECTORY [--workers N | --left FILE] [arguments of pytest, with paths relative to DIRECTORY].

--left takes the names of the tests from a file, see plugin.leave(); none is not an error. Without --workers everything runs in
one world and one process, else in N worlds at once; tests that are marked `alone` do not belong there. VIPD_BUILD=build/san
takes other binaries than those in build.
"""

import os
import sys

sys.dont_write_bytecode = True
import space  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = 120  # of one test; what takes longer hangs
MAX_FAILED = 10  # more of them have one cause, and each would wait for its deadlines


def pytest(*arguments):
    return [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "plugin", "--rootdir", ".",
            f"--timeout={TIMEOUT_S}", f"--maxfail={MAX_FAILED}", "--durations=10", "--durations-min=2", *arguments]


def main(directory, *arguments):
    os.environ.update(PYTHONPATH=HERE, PYTHONDONTWRITEBYTECODE="1")
    if arguments[:1] == ("--left",):
        if not os.path.exists(arguments[1]):
            return
        with open(arguments[1], encoding="utf-8") as file:
            arguments = (*file.read().splitlines(), *arguments[2:])
    os.chdir(directory)
    if arguments[:1] == ("--workers",):
        arguments = ("--dist=loadgroup", f"--tx={arguments[1]}*popen//python={HERE}/worker", *arguments[2:])
    else:
        space.enter()
    command = pytest(*arguments)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
