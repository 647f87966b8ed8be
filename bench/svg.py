# SPDX-License-Identifier: Apache-2.0
"""Line charts side by side, as SVG."""

import math
from xml.sax.saxutils import escape

COLOURS = ("#1f5fa8", "#c2571a", "#3b7d3b", "#7a4b94")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 370, 300, 58, 20, 62, 52


def nice_step(top, parts=5):
    """A step of 1, 2 or 5 times a power of ten that divides 0..top into about `parts`."""
    raw = max(top, 1e-9) / parts
    power = 10 ** math.floor(math.log10(raw))
    return next(power * m for m in (1, 2, 5, 10) if raw <= power * m * 1.0001)


def short(value):
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return ("%.1f" % (value / size)).rstrip("0").rstrip(".") + letter
    return "%g" % value


def text(x, y, content, anchor="middle", size=12, colour="#333", weight="normal", turn=None):
    turned = ' transform="rotate(%d %.1f %.1f)"' % (turn, x, y) if turn else ""
    return '<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="%s" font-weight="%s"%s>%s</text>' % (
        x, y, anchor, size, colour, weight, turned, escape(str(content)))


class Chart:
    """lines: {name: [(x, y), ...]}."""

    def __init__(self, title, xlabel, ylabel, lines, log=False):
        self.title, self.xlabel, self.ylabel, self.lines, self.log = title, xlabel, ylabel, lines, log
        points = [p for line in lines.values() for p in line]
        self.step = nice_step(max(p[1] for p in points) * 1.05)
        self.top = self.step * math.ceil(max(p[1] for p in points) * 1.02 / self.step)
        self.low, self.high = min(p[0] for p in points), max(p[0] for p in points)
        if self.low == self.high:
            self.high = self.low * 10 if log else self.low + 1

    def place(self, x, y):
        scale = math.log10 if self.log else float
        share = (scale(x) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return (LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / self.top * (HEIGHT - TOP - BOTTOM))

    def ticks(self):
        if not self.log:
            return sorted({p[0] for line in self.lines.values() for p in line})
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        return [10 ** p for p in powers if self.low * 0.999 <= 10 ** p <= self.high * 1.001]

    def frame(self):
        out = [text(LEFT, 20, self.title, "start", 14, "#111", "bold")]
        count = round(self.top / self.step)
        for i in range(count + 1):
            x, y = self.place(self.low, i * self.step)
            out.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>' % (
                x, y, WIDTH - RIGHT, y, "#999" if i == 0 else "#e4e4e4"))
            out.append(text(LEFT - 8, y + 4, short(i * self.step), "end"))
        for tick in self.ticks():
            x, y = self.place(tick, 0)
            out.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#999"/>' % (x, y, x, y + 5))
            out.append(text(x, y + 20, short(tick)))
        out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, self.xlabel))
        out.append(text(14, (TOP + HEIGHT - BOTTOM) / 2, self.ylabel, turn=-90))
        return out

    def draw(self):
        out = self.frame()
        at = LEFT
        for colour, (name, points) in zip(COLOURS, self.lines.items()):
            path = " ".join("%.1f,%.1f" % self.place(*p[:2]) for p in points)
            out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, colour))
            for p in points:
                out.append('<circle cx="%.1f" cy="%.1f" r="3.2" fill="%s"/>' % (*self.place(*p[:2]), colour))
            out.append('<line x1="%d" y1="40" x2="%d" y2="40" stroke="%s" stroke-width="2"/><circle cx="%d" cy="40" r="3.2" fill="%s"/>' % (
                at, at + 20, colour, at + 10, colour))
            out.append(text(at + 26, 44, name, "start"))
            at += 40 + 8 * len(name)
        return out


def page(charts):
    """All charts in a row."""
    width = WIDTH * len(charts)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
           'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">' % (width, HEIGHT, width, HEIGHT),
           '<rect width="100%" height="100%" fill="#fff"/>']
    for i, chart in enumerate(charts):
        out += ['<g transform="translate(%d 0)">' % (WIDTH * i), *chart.draw(), "</g>"]
    return "\n".join(out + ["</svg>", ""])
