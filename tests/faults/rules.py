# SPDX-License-Identifier: Apache-2.0
"""What is expected of a row: rules that have words for the reader and a judgement of what was seen.

Judged is what happened, never how fast: times are only shown. Every run ends with the first server as the only holder and
the client served by it, or it has failed, so no rule says so.
"""


class Rule:
    def __init__(self, words, holds):
        self.words, self.holds = words, holds


NO_MOVE = Rule("nobody changes state", lambda seen: sum(seen.transitions) == 0)
ALWAYS_HELD = Rule("never without a holder", lambda seen: seen.none_ms == 0)
NONE_LOST = Rule("no request lost", lambda seen: seen.lost == 0)
TAKEN_OVER = Rule("another takes over", lambda seen: len(seen.held_by) > 1)
STAYS = Rule("the address stays", lambda seen: seen.held_by == [0])
NEVER_SPLIT = Rule("the families never split", lambda seen: seen.split_ms == 0)
NO_BURST = Rule("no burst afterwards", lambda seen: seen.burst <= 5)
NOT_STUCK = Rule("the client is never stuck (1 s)", lambda seen: seen.gap_ms < 1000)


def words(rules):
    return ", ".join(rule.words for rule in rules) or "the first again in the end"


def complaints(rules, seen):
    return [f"not so: {rule.words}" for rule in rules if not rule.holds(seen)]
