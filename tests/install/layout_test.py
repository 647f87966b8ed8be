#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`make install' into a directory: exactly the files of layout.txt, with their modes; `make uninstall' takes them away; what is
installed works there; the distribution has every file of the sources."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import tap  # noqa: E402

# In the sources and not in the distribution.
NOT_DISTRIBUTED = {
    ".gitignore": "for git only",
}


def make(*arguments):
    """make in the build tree, as if nobody had called it from a make."""
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DESTDIR", "MAKEOVERRIDES")}
    done = subprocess.run(["make", "-s", "-C", tap.BUILD, "--no-print-directory", *arguments], env=environment, text=True,
                          capture_output=True, timeout=600, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def directories():
    return dict(line.split("=", 1) for line in make("print-directories").splitlines())


def expected():
    """[(mode, path pattern)] of the parts that were configured, {} replaced."""
    known = directories()
    wanted = []
    with open(os.path.join(tap.SOURCE, "tests/install/layout.txt"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                continue
            mode, path, reason = (line.split(None, 2) + [""])[:3]
            part = re.match(r"\[([a-z]+)\]", reason)
            if not part or part.group(1) in known["parts"].split():
                wanted.append((mode, re.sub(r"\{([a-z]+)\}", lambda m: known[m.group(1)], path)))
    return wanted


def files(top):
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            yield path, "/" + os.path.relpath(path, top)


def below(path):
    return os.path.abspath("installed") + path


@tap.case
def installed():
    """what is installed is what layout.txt lists, with these modes"""
    old = os.umask(0o022)
    make("install", "DESTDIR=" + os.path.abspath("installed"))
    os.umask(old)
    found = {name: "%o" % (os.lstat(path).st_mode & 0o7777) for path, name in files("installed")}
    wanted = expected()
    rest = dict(found)
    for mode, pattern in wanted:
        names = [n for n in found if fnmatch.fnmatchcase(n, pattern)]
        assert names, "not installed: " + pattern
        for name in names:
            if not os.path.islink(below(name)):
                tap.is_("%s %s" % (mode, name), "%s %s" % (found[name], name))
            rest.pop(name, None)
    tap.is_([], sorted(rest))


@tap.case
def harmless():
    """nothing is writable for others, nothing of libtool is left, links stay inside"""
    count = 0
    for path, name in files("installed"):
        count += 1
        assert not name.endswith(".la"), name
        if os.path.islink(path):
            assert not os.readlink(path).startswith("/"), name
        else:
            tap.is_(0, os.stat(path).st_mode & 0o6022)
    for directory, _, _ in os.walk("installed"):
        tap.is_("755 " + directory, "%o %s" % (os.stat(directory).st_mode & 0o7777, directory))
    assert count > 60, count


@tap.case
def nothing_of_here():
    """no text that is installed names the build tree or the directory that it was installed to"""
    for path, name in files("installed"):
        with open(path, "rb") as f:
            content = f.read()
        assert os.path.abspath("installed").encode() not in content, name
        if b"\0" not in content[:4096]: # debugging information does name the sources
            assert tap.BUILD.encode() not in content, name


@tap.case
def works():
    """the installed program runs with the installed plugins, and all of them are all right"""
    known = directories()
    done = subprocess.run([below(known["bindir"]) + "/wfworker", "--list-plugins", "--json", "--strict", "--plugin-dir",
                           below(known["plugindir"])], capture_output=True, text=True, timeout=60)
    tap.is_((0, ""), (done.returncode, done.stderr))
    plugins = json.loads(done.stdout)["plugins"]
    here = [p for p in plugins if p["file"].startswith(below(known["plugindir"]) + "/")]
    tap.is_(sorted(os.listdir(below(known["plugindir"]))), sorted(os.path.basename(p["file"]) for p in here))
    tap.is_({"ok"}, {p["state"] for p in here})


@tap.case
def pkg_config():
    """pkg-config finds the directory of plugins and the header"""
    known = directories()
    if not shutil.which("pkg-config"):
        print("# there is no pkg-config")
        return

    def ask(*arguments):
        environment = dict(os.environ, PKG_CONFIG_LIBDIR=below(known["libdir"]) + "/pkgconfig")
        return subprocess.run(["pkg-config", *arguments], env=environment, capture_output=True, text=True, check=True).stdout.strip()

    tap.is_(known["plugindir"], ask("--variable=plugindir", "wfworker-plugin"))
    tap.is_("1.0", ask("--variable=abi_major", "wfworker-plugin") + "." + ask("--variable=abi_minor", "wfworker-plugin"))
    tap.is_(known["bindir"], ask("--variable=bindir", "wfworker"))


@tap.case
def uninstalled():
    """uninstall leaves no file, and no directory of wfworker's own"""
    make("uninstall", "DESTDIR=" + os.path.abspath("installed"))
    tap.is_([], sorted(name for _, name in files("installed")))
    tap.is_([], sorted(d for d, _, _ in os.walk("installed") if "wfworker" in os.path.relpath(d, "installed")))


@tap.case
def distributed():
    """the distribution has every file that the sources have"""
    if not os.path.exists(os.path.join(tap.SOURCE, ".git")) or not shutil.which("git"):
        print("# this is no checkout")
        return
    listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", tap.SOURCE, "ls-files", "-z"], capture_output=True, text=True)
    tap.is_(0, listed.returncode)
    make("distdir", "distdir=" + os.path.abspath("dist"), "am__remove_distdir=:")
    names = [n for n in listed.stdout.split("\0") if n and os.path.exists(os.path.join(tap.SOURCE, n))]
    assert len(names) > 500, len(names)
    missing = [n for n in names if not os.path.lexists(os.path.join("dist", n)) and n not in NOT_DISTRIBUTED]
    tap.is_([], missing)


if os.environ.get("WFW_TEST_WRAPPER"):
    print("1..0 # SKIP installing is not what runs below a tool")
    sys.exit(0)
tap.main()
