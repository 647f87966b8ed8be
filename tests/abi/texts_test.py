# SPDX-License-Identifier: Apache-2.0
"""Every text that loading and checking plugins can say is asserted word for word by a test: the formats of all texts in src/plugin are looked
for among the texts that tests expect. What cannot be provoked stands in a table, with the reason."""

import glob
import os
import re

import texts
from tap import SOURCE, case, is_, main

EXPECTING = ["tests/unit/plugin_*.c", "tests/unit/helper_*.c", "tests/unit/handlers_*.c", "tests/abi/kept_test.c", "tests/integration/plugins_test.py",
             "tests/integration/isolat*_test.py", "tests/integration/rogue_test.py", "tests/abi/*_test.py", "tests/cli/*.py", "tests/cli/*.sh"]

# What no test can make happen, and why.
UNPROVOKED = {
    "libltdl does not start: %s": "lt_dlinit() fails only when there is no memory",
    "no wake-up for the loop: %s": "uv_async_init() of a loop that is open already has its descriptor, and does not fail",
    "the system's loader cannot be asked": "the program has a loader, and a process that lists plugins has descriptors left",
    "the system's loader %s cannot be run: %s": "the loader is the one that this very program was begun with",
}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def expected():
    """All texts that tests name, one after the other."""
    found = []
    for shape in EXPECTING:
        for path in sorted(glob.glob(os.path.join(SOURCE, shape))):
            if os.path.basename(path) != os.path.basename(__file__):
                found += texts.joined(texts.tokens(read(path))) if path.endswith(".c") else [read(path)]
    return found


def sources():
    """All but heavy.c, which is about work beside the loop and knows no plugins."""
    return [path for path in sorted(glob.glob(os.path.join(SOURCE, "src", "plugin", "*.c"))) if not path.endswith("/heavy.c")]


@case
def every_text_is_asserted(_room):
    known, missing = expected(), []
    for path in sources():
        for fmt in texts.made(read(path)):
            if texts.words(fmt) and fmt not in UNPROVOKED and not any(texts.pattern(fmt).search(text) for text in known):
                missing.append("%s: %s" % (os.path.basename(path), fmt))
    is_([], missing)


@case
def the_table_has_no_text_that_is_gone(_room):
    present = {fmt for path in sources() for fmt in texts.made(read(path))}
    is_([], [fmt for fmt in UNPROVOKED if fmt not in present])
    is_([], [fmt for fmt, reason in UNPROVOKED.items() if len(reason) < 20])


@case
def a_text_that_nobody_asserts_is_found(_room):
    made = texts.made('int f(void) { return err_set(e, "the %s is " "wrong (%d)", name, n); }\nerr_hint(e, many ? "Use less." : "Use more.");')
    is_(["the %s is wrong (%d)", "Use less.", "Use more."], made)
    for text, found in (("the file is wrong (3)", True), ("x: the file is wrong (3)\nHINT:  Use less.", True), ("the file is wrong", False),
                        ("the file is wrong (3)!", False), ("over the file is wrong (3)", False)):
        is_(found, bool(texts.pattern(made[0]).search(text)))
    assert len([fmt for path in sources() for fmt in texts.made(read(path)) if texts.words(fmt)]) > 90


if __name__ == "__main__":
    main()
