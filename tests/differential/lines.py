# SPDX-License-Identifier: Apache-2.0
"""What the differential tests share: a seed, one process that answers line by line, and TAP."""
import json
import os
import random
import subprocess
import sys


def seed():
    """From WFWORKER_TEST_SEED, else always the same one; printed, so that a failure can be had again."""
    value = os.environ.get("WFWORKER_TEST_SEED", "20261123")
    print(f"# seed {value}: WFWORKER_TEST_SEED={value} gives the same cases again")
    return random.Random(value)


def cases(least):
    """How many: WFWORKER_TEST_CASES raises the number."""
    return max(least, int(os.environ.get("WFWORKER_TEST_CASES", "0")))


def ask(command, questions):
    """One process gets all questions as lines of JSON; its answers."""
    text = "".join(json.dumps(q, ensure_ascii=True) + "\n" for q in questions)
    run = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=False)
    answers = [json.loads(line) for line in run.stdout.decode().split("\n") if line]
    if run.returncode != 0 or len(answers) != len(questions):
        bail(f"{command[0]} ended with {run.returncode} after {len(answers)} of {len(questions)} answers")
    return answers


def program(name):
    path = os.path.join(os.environ.get("builddir", "."), name)
    if not os.path.exists(path):
        bail(f"{path} is missing: make check builds it")
    return path


def source(name):
    return os.path.join(os.environ.get("srcdir", "."), name)


def bail(text):
    print(f"Bail out! {text}")
    sys.exit(99)


def skip(text):
    print(f"1..0 # SKIP {text}")
    sys.exit(0)  # TAP's plan says it; another status would be an error to automake


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def result(self, name, total, differences):
        """differences: texts, the first ones are shown."""
        self.count += 1
        for text in differences[:20]:
            print("# " + text.replace("\n", "\n# "))
        if differences:
            self.failed += 1
            print(f"# {len(differences)} of {total} differ")
        print(f"{'not ok' if differences else 'ok'} {self.count} - {name}: {total} cases")

    def end(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)
