# SPDX-License-Identifier: Apache-2.0
"""Capabilities of a plugin that was compiled long ago, granted and denied, inside the worker and in a helper process: the same words."""

import os
import platform
import re
import shutil

from tap import BUILD, HERE, Skip, call, case, is_, main

REFUSED = ("a handler uses a capability that is denied to its plugin argument=%s plugin=kept_gcc node_type=kept_gcc.services "
           "node=node execution=plugin-run")


def wfworker(room, *arguments):
    if platform.machine() != "x86_64":
        raise Skip("the kept plugins are of x86-64")
    shutil.copy(os.path.join(HERE, "plugins", "x86_64", "kept_gcc.so"), room)
    os.chmod(os.path.join(room, "kept_gcc.so"), 0o644)
    environment = dict(os.environ, HOME="/home/of/kept", WFWORKER_PLUGIN_PATH="")
    return call(os.path.join(BUILD, "wfworker.build"), "--plugin-dir", room, *arguments, env=environment)


def refusals(room, isolate, *options):
    status, said = wfworker(room, "--isolate", isolate, *options, "plugin", "run", "kept_gcc", "--node", "kept_gcc.services", "--config", "{}",
                            "--json")
    is_(0, status)
    assert '{"outcome":"done"' in said, said
    return [re.sub(r"^\S+ warning ", "", line) for line in said.splitlines() if "capability" in line]


@case
def what_is_granted_is_not_talked_of(room):
    for isolate in ("never", "blocking", "always"):
        is_([], refusals(room, isolate))


@case
def what_is_denied_is_said_alike_inside_and_away(room):
    for isolate in ("never", "blocking", "always"):
        is_([REFUSED % "secrets", REFUSED % "env"], refusals(room, isolate, "--plugin-deny", "secrets,env"))
        is_([REFUSED % "env"], refusals(room, isolate, "--plugin-deny", "env http"))


@case
def the_listing_shows_both(room):
    for isolate in ("never", "always"):
        status, said = wfworker(room, "--isolate", isolate, "--plugin-deny", "child,fd", "--list-plugins")
        is_(0, status)
        is_(["          CAPABILITIES:  http, secrets, env, fd, child, lock, signal, request (denied: fd, child)"],
            [line for line in said.splitlines() if "CAPABILITIES" in line])


if __name__ == "__main__":
    main()
