# SPDX-License-Identifier: Apache-2.0
"""docs/rfc9568.md names tests; all of them exist."""

import os
import re

from testbed import ROOT


def test_every_test_that_the_conformance_table_names_exists():
    with open(os.path.join(ROOT, "docs", "rfc9568.md")) as table:
        named = sorted(set(re.findall(r"`(?:tests/)?((?:unit|lab|interop)/[\w.]+):(\w+)`", table.read())))
    assert len(named) > 40
    missing = []
    for path, name in named:
        with open(os.path.join(ROOT, "tests", path)) as source:
            if not re.search(rf"^(?:static void|def) {name}\(", source.read(), re.M):
                missing.append(f"{path}:{name}")
    assert not missing
