# SPDX-License-Identifier: Apache-2.0
"""A picture (SVG) of what a terminal shows: lines with the escape sequences of colours, as `tmux capture-pane -e` prints them."""

import html
import re

CELL, LINE, MARGIN, SIZE = 8.43, 18, 12, 14
PAPER, INK = "#1e2227", "#d7dae0"
INKS = {31: "#ff6b68", 32: "#6fcf73", 33: "#e5c07b"}


class Ink:
    """What the sequences up to here have asked for."""

    def __init__(self):
        self.colour, self.bold, self.dim = None, False, False

    def take(self, numbers):
        for number in numbers:
            if number == 0:
                self.__init__()
            elif number in (1, 2):
                self.bold, self.dim = self.bold or number == 1, self.dim or number == 2
            elif number == 22:
                self.bold = self.dim = False
            elif 30 <= number <= 39:
                self.colour = INKS.get(number)

    def style(self):
        return (f' fill="{self.colour}"' if self.colour else "") + (' font-weight="bold"' if self.bold else "") + (
            ' opacity="0.6"' if self.dim else "")


def runs(line, ink):
    """(column, text, style) of each piece of one look."""
    column = 0
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if piece.startswith("\x1b"):
            ink.take([int(number or 0) for number in piece[2:-1].split(";")])
        elif piece:
            for word in re.finditer(r"\S+( \S+)*", piece):
                yield column + word.start(), word[0], ink.style()
            column += len(piece)


def svg(lines, width=80):
    ink = Ink()
    texts = [f'<text x="{MARGIN + column * CELL:.1f}" y="{MARGIN + row * LINE + SIZE}" textLength="{len(text) * CELL:.1f}"{style}>'
             f"{html.escape(text)}</text>" for row, line in enumerate(lines) for column, text, style in runs(line, ink)]
    wide, high = round(2 * MARGIN + width * CELL), 2 * MARGIN + len(lines) * LINE
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" font-family="DejaVu Sans Mono, monospace" '
            f'font-size="{SIZE}" fill="{INK}">\n<rect width="100%" height="100%" rx="6" fill="{PAPER}"/>\n' + "\n".join(texts) + "\n</svg>\n")
