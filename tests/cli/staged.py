# SPDX-License-Identifier: Apache-2.0
"""wfworker as its installation makes it, in a directory of the test's own, and the surroundings in which an author works with it."""

import fcntl
import glob
import os
import re
import subprocess
import sys

from tap import BUILD, SETTINGS, SOURCE

NEEDED = ["cc", "make", "autoreconf", "automake", "libtoolize", "pkg-config"]


def skip_unless_possible(*modules):
    """Ends the program when the machine has not got what an author needs, or when sanitizers are built in: their runtime would
    have to be in every plugin."""
    with open(os.path.join(BUILD, "config.h")) as f:
        if re.search(r"^#define WITH_SANITIZE 1", f.read(), re.M):
            skip("plugins are built without the sanitizers of this build")
    for tool in NEEDED:
        if not any(os.access(os.path.join(d, tool), os.X_OK) for d in os.environ["PATH"].split(":")):
            skip("%s is not there" % tool)
    for module in modules:
        if subprocess.run(["pkg-config", "--exists", module]).returncode:
            skip("pkg-config does not find %s" % module)


def skip(reason):
    print("1..0 # SKIP %s" % reason)
    sys.exit(0)


class Staged:
    def __init__(self, directory):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        with open(os.path.join(BUILD, "config.status")) as lock: # libtool links anew, in the build tree
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = subprocess.run(["make", "-s", "-C", BUILD, "install", "DESTDIR=" + directory], env=environment, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        assert done.returncode == 0, done.stdout
        self.program = self.one(directory, "**/bin/wfworker")
        self.template = self.one(directory, "**/wfworker/plugin-template")
        self.plugins = self.one(directory, "**/wfworker/abi1")
        pc = os.path.dirname(self.one(directory, "**/pkgconfig/wfworker-plugin.pc"))
        for name in glob.glob(os.path.join(pc, "*.pc")):
            with open(name) as f:
                text = f.read()
            with open(name, "w") as f:
                f.write(re.sub(r"(?m)^prefix=", "prefix=" + directory, text))
        self.environment = self.surroundings(directory, pc)

    @staticmethod
    def one(directory, pattern):
        found = glob.glob(os.path.join(directory, pattern), recursive=True)
        assert found, pattern
        return found[0]

    def surroundings(self, directory, pc):
        """A program `wfworker` in PATH that finds its files below the directory."""
        bin_directory = os.path.join(directory, "author-bin")
        os.mkdir(bin_directory)
        with open(os.path.join(bin_directory, "wfworker"), "w") as f:
            f.write("""#!/bin/sh
if [ "$1 $2" = "plugin new" ]; then
    shift 2
    exec '%s' plugin new --template '%s' "$@"
fi
exec '%s' "$@"
""" % (self.program, self.template, self.program))
        os.chmod(os.path.join(bin_directory, "wfworker"), 0o755)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS + ("MAKE", "MFLAGS", "WFW"))}
        environment.update(
            PATH=bin_directory + ":/usr/bin:" + os.environ["PATH"],
            PKG_CONFIG_PATH=pc, ACLOCAL_PATH=os.path.dirname(self.one(directory, "**/aclocal/wfworker-plugin.m4")),
            LD_LIBRARY_PATH=os.path.dirname(pc), WFWORKER_PLUGIN_PATH=self.plugins,
            DEBFULLNAME="Ada Lovelace", DEBEMAIL="ada@example.org", SOURCE_DATE_EPOCH="1795000000")
        return environment

    def sh(self, script, directory=".", status=0, timeout=300):
        """Standard output and error together."""
        done = subprocess.run(["/bin/sh", "-ec", script], cwd=directory, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
        assert done.returncode == status, "%s\nended with %d:\n%s" % (script, done.returncode, done.stdout[-6000:])
        return done.stdout
