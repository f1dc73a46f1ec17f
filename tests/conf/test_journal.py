# SPDX-License-Identifier: Apache-2.0
"""`journalctl VIPD_ROUTER=api` shows all about one virtual router, as vipd(8) says; real machines look at the journal itself."""

import pathlib
import re

CALL = re.compile(r'\blog_(?:error|warning|notice|info|debug)\(\s*"%s: (?:[^"]|"\s*")*",\s*([^,)]+)')


def test_lines_about_a_virtual_router_have_its_field():
    """Its name in front of a line comes from log_router(), which sets the field, too. An interface may stand there."""
    wrong = [f"{path}: {call.group(0)}" for path in sorted(pathlib.Path("agent").rglob("*.c"))
             for call in CALL.finditer(path.read_text()) if not call.group(1).endswith("->interface")]
    assert not wrong, wrong
