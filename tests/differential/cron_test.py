# SPDX-License-Identifier: Apache-2.0
"""Cron against python3-croniter, and time zones against Python's own, with random expressions and times.

Only what both claim to mean the same is generated: croniter reads */2 in a day field as a plain list, ends 2/2 in the
weekday on the 7th, and mixes #, L and plain weekdays in its own way; shared() has the rest."""
import calendar
import datetime
import sys

import lines

try:
    import croniter
except ImportError:
    lines.skip("python3-croniter is not installed")
try:
    import zoneinfo
    ZONES = [z for z in sorted(zoneinfo.available_timezones()) if "/" in z and not z.startswith(("posix/", "right/", "SystemV/"))]
except ImportError:
    ZONES = []

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = "sun mon tue wed thu fri sat".split()
RANGES = {"second": (0, 59), "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}
UTC = datetime.timezone.utc


def name(r, field, value):
    """The number, or its name in any case."""
    if field == "month" and r.random() < 0.3:
        return r.choice([str.lower, str.upper, str.title])(MONTHS[value - 1])
    if field == "weekday" and r.random() < 0.3:
        return r.choice([str.lower, str.upper, str.title])(WEEKDAYS[value])
    if field == "weekday" and value == 0 and r.random() < 0.3:
        return "7"
    return str(value)


def entry(r, field):
    low, high = RANGES[field]
    kind = r.random()
    first, last = sorted((r.randint(low, high), r.randint(low, high)))
    if kind < 0.5:
        return name(r, field, first)
    if kind < 0.7:
        if field == "weekday" and first > 0 and r.random() < 0.2:
            return f"{name(r, field, first)}-7"
        return f"{first}-{last}" if first == 0 or r.random() < 0.7 else f"{name(r, field, first)}-{name(r, field, last)}"
    if kind < 0.85:
        return f"{first}-{last}/{r.randint(1, 12)}"
    if field == "weekday":
        return name(r, field, first)
    return f"{first}/{r.randint(1, 30)}"


def plain(r, field):
    return ",".join(entry(r, field) for _ in range(r.choice([1, 1, 1, 2, 3])))


def time_field(r, field):
    kind = r.random()
    if kind < 0.25:
        return "*"
    if kind < 0.4:
        return f"*/{r.randint(1, 40)}"
    return plain(r, field)


def day_fields(r):
    """(day of month, weekday)"""
    kind = r.random()
    if kind < 0.3:
        return "*", "*"
    if kind < 0.5:
        return r.choice([plain(r, "day"), "L", "l", f"{r.randint(1, 31)}", f"*/{r.randint(2, 20)}"]), "*"
    if kind < 0.7:
        return "*", r.choice([plain(r, "weekday"), f"*/{r.randint(2, 6)}"])
    if kind < 0.8:
        return "*", ",".join(r.choice([f"{r.randint(0, 6)}#{r.randint(1, 5)}", f"L{r.randint(0, 6)}"]) for _ in range(r.choice([1, 2])))
    return plain(r, "day"), plain(r, "weekday")


def values_of(text, field):
    """The days that a list means."""
    low, high = RANGES[field]
    names = {n: i for i, n in enumerate(WEEKDAYS)} if field == "weekday" else {}
    values = set()
    for part in text.lower().split(","):
        part, _, step = part.partition("/")
        first, dash, last = (str(low), "-", str(high)) if part == "*" else part.partition("-")
        first = int(names.get(first, first))
        last = int(names.get(last, last)) if dash else (high if step else first)
        last = 7 if field == "weekday" and last == 0 and first > 0 else last
        values |= {v % 7 if field == "weekday" else v for v in range(first, last + 1, int(step or 1))}
    return values


def shared(seconds, day, weekday):
    """Does croniter mean the same by these day fields?"""
    if seconds and "7" in weekday:
        return False  # with six fields it leaves 7 as it is, and never comes
    days = values_of(day, "day") if day not in ("L", "l") else {1}
    if max(days) > 28 and len(days) > 1 and day != "*":
        return False  # one that a month lacks makes it pass over the next month's first ones
    if day[0] in "*Ll" or weekday[0] in "*L" or "#" in weekday:
        return True
    # A list of everything is no restriction to it; and 30 February is never, whatever the weekday.
    return max(days) <= 28 and len(values_of(weekday, "weekday")) < 7


def expression(r):
    """Ours and croniter's spelling."""
    seconds = r.random() < 0.4
    day, weekday = day_fields(r)
    while not shared(seconds, day, weekday):
        day, weekday = day_fields(r)
    month = time_field(r, "month") if r.random() < 0.5 else "*"
    five = [time_field(r, "minute"), time_field(r, "hour"), day, month, weekday]
    theirs = " ".join(five)
    ours = " ".join(five[:4] + [",".join(p[1] + "L" if p[0] == "L" else p for p in weekday.split(","))])
    if seconds:
        second = time_field(r, "second")
        return f"{second} {ours}", f"{theirs} {second}"
    return ours, theirs


def expected(theirs, start, count):
    runs = []
    try:
        it = croniter.croniter(theirs, datetime.datetime.fromtimestamp(start, UTC))
        for _ in range(count):
            runs.append(int(it.get_next(float)))
    except croniter.CroniterBadDateError:
        pass
    return runs


def iso(seconds):
    return [datetime.datetime.fromtimestamp(s, UTC).isoformat() for s in seconds]


def against_croniter(tap, r):
    total, questions, wanted = lines.cases(6000), [], []
    for _ in range(total):
        ours, theirs = expression(r)
        start = r.randint(0, 4102444800)  # to 2100
        try:
            wanted.append(expected(theirs, start, 3))
        except Exception as e:  # a crash of croniter's is no answer
            lines.bail(f"croniter on {theirs!r} after {start}: {e!r}")
        questions.append({"cron": ours, "zone": "UTC", "from": start, "count": 3})
    answers = lines.ask([lines.program("tests/unit/cron_lines")], questions)
    tap.result("runs as croniter has them", total, [
        f"{q['cron']!r} after {iso([q['from']])[0]}: {iso(a['runs'])} {a.get('error', '')}\n  croniter: {iso(w)}"
        for q, a, w in zip(questions, answers, wanted) if a["runs"] != w])


def once_a_day(r):
    """A time of day in a zone: the moment by Python's zoneinfo, or None in a gap."""
    zone = r.choice(ZONES)
    year, month, hour, minute = r.randint(1905, 2090), r.randint(1, 12), r.randint(0, 23), r.randint(0, 59)
    day = r.randint(1, calendar.monthrange(year, month)[1])
    local = datetime.datetime(year, month, day, hour, minute, tzinfo=zoneinfo.ZoneInfo(zone))
    back = local.astimezone(UTC).astimezone(local.tzinfo)
    if back.replace(tzinfo=None) != local.replace(tzinfo=None):
        return None
    at = int((local - datetime.datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return {"cron": f"{minute} {hour} {day} {month} *", "zone": zone, "from": at - r.randint(1, 86400 * 20), "count": 1}, at


def against_zoneinfo(tap, r):
    total = lines.cases(4000)
    pairs = [p for p in (once_a_day(r) for _ in range(total)) if p]
    answers = lines.ask([lines.program("tests/unit/cron_lines")], [q for q, _ in pairs])
    tap.result("local times as zoneinfo has them", len(pairs), [
        f"{q}: {iso(a['runs'])} {a.get('error', '')}, zoneinfo: {iso([w])}" for (q, w), a in zip(pairs, answers) if a["runs"] != [w]])


def main():
    tap, r = lines.Tap(), lines.seed()
    against_croniter(tap, r)
    if ZONES:
        against_zoneinfo(tap, r)
    tap.end()


if __name__ == "__main__":
    sys.exit(main())
