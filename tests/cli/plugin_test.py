# SPDX-License-Identifier: Apache-2.0
"""wfworker plugin new, run, doctor and inspect: what they say, what is wrong, and the manual pages of plugins."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from tap import BUILD, SOURCE, case, is_, main, run, write

TEMPLATE = os.path.join(SOURCE, "packaging/plugin-template")
with open(os.path.join(BUILD, "config.h")) as config:
    SANITIZED = re.search(r"^#define WITH_SANITIZE 1", config.read(), re.M)


def plugin(name, file=None):
    """A plugin of the tests, as a file here; its path."""
    shutil.copyfile(os.path.join(BUILD, "tests/plugins/.libs", name + ".so"), (file or name) + ".so")
    os.chmod((file or name) + ".so", 0o755)
    return os.path.abspath((file or name) + ".so")


def fails(text, *arguments, status=1, **options):
    done = run("plugin", *arguments, **options)
    is_((status, "", "wfworker: " + text + "\n"), (done.status, done.out, done.err))


def says(text, *arguments, status=0, **options):
    done = run("plugin", *arguments, "--json", "--log-level", "error", **options)
    is_((status, text + "\n", ""), (done.status, done.out, done.err))


def new(*arguments, **options):
    return ["new", *arguments, "--no-configure", "--template", options.get("template", TEMPLATE)]


@case
def new_project():
    """plugin new makes every file, replaces every key, and says what to do"""
    done = run("plugin", *new("acme-hello", "--node", "acme.hello", "--node", "acme.bye-bye", "--author", "Ada L <ada@example.org>"))
    is_((0, ""), (done.status, done.err))
    is_("""acme-hello/ is ready: plugin acme-hello, node types acme.hello, acme.bye-bye

  cd acme-hello && autoreconf -i && ./configure && make check
  wfworker plugin run .libs/acme-hello.so --node acme.hello --config '{"name": "Ada"}'
  sudo make install && wfworker --list-plugins
""", done.out)
    made = sorted(os.path.relpath(os.path.join(d, f), "acme-hello") for d, _, fs in os.walk("acme-hello") for f in fs)
    is_([".gitignore", "COPYING", "Makefile.am", "README.md", "acme-hello.spec", "configure.ac", "debian/changelog", "debian/control",
         "debian/copyright", "debian/rules", "debian/source/format", "examples/acme-hello.json", "man/wfworker-acme-hello.7",
         "src/acme_bye_bye.c", "src/acme_hello.c", "src/nodes.h", "src/plugin.c", "tests/handlers.c", "tests/program.sh"], made)
    for name in made:
        with open(os.path.join("acme-hello", name)) as f:
            text = f.read()
        left = re.findall(r"@[A-Z][A-Z_]+@", text)
        is_([], [key for key in left if key != "@WFW_PLUGIN_TESTS_MISSING@"])
        is_(text.startswith("#!"), os.access(os.path.join("acme-hello", name), os.X_OK) and os.stat(
            os.path.join("acme-hello", name)).st_mode & 0o100 != 0)
    with open("acme-hello/examples/acme-hello.json") as f:
        is_(["trigger", "acme.hello", "acme.bye-bye", "end"], [n["node_type"] for n in json.load(f)["nodes"]])


@case
def new_default_type():
    """without --node the name says which"""
    for name, node in (("bobs-two-things", "bobs.two_things"), ("single", "single.run")):
        assert run("plugin", *new(name)).out.startswith("%s/ is ready: plugin %s, node type %s\n" % (name, name, node))


@case
def new_names():
    """names that cannot be"""
    for name in ("Acme", "acme--x", "a", "acme-", "x_y", "1st", "a/b", "x" * 49):
        fails('"%s" cannot be the name of a plugin project\nHINT:  use 2 to 48 lower-case letters, digits and single dashes, '
              "a letter first, such as acme-hello" % name, *new(name), status=2)
    fails('"http" is the name of one of wfworker\'s own plugins\nHINT:  put who makes it in front, such as acme-http', *new("http"),
          status=2)
    fails('--node "hello" has no vendor: names without a dot are wfworker\'s own\nHINT:  put who makes it in front, such as acme.hello',
          *new("acme-x", "--node", "hello"), status=2)
    fails('--node "a..b" is not a valid node type\nHINT:  use letters, digits, "_" and "-" in parts with dots between, at most 64 '
          "bytes, such as acme.hello", *new("acme-x", "--node", "a..b"), status=2)
    fails("--node a.b_c: its sources would have the same names as those of a.b-c", *new("acme-x", "--node", "a.b-c", "--node", "a.b_c"),
          status=2)
    fails('--author "bo" is not NAME <MAIL>\nHINT:  for example --author \'Ada Lovelace <ada@example.org>\'',
          *new("acme-x", "--author", "bo"), status=2)
    fails('--license "a b" is not the name of a licence\nHINT:  use its SPDX identifier, such as Apache-2.0, MIT, GPL-3.0-or-later or '
          "LicenseRef-Proprietary", *new("acme-x", "--license", "a b"), status=2)
    fails("--summary has to be one line of at most 60 bytes without quotes, backslashes and @", *new("acme-x", "--summary", 'a"b'),
          status=2)
    assert not os.path.exists("acme-x")


@case
def new_places():
    """a directory that is there, a place that is not, a template that cannot be read: nothing is left"""
    os.mkdir("there")
    before = sorted(os.listdir("."))
    fails('"there" is there already\nHINT:  remove it, or choose another name or --dir', *new("there"))
    fails('making a directory in "nowhere": No such file or directory', *new("acme-x", "--dir", "nowhere"))
    fails('reading the template "nowhere": No such file or directory', *new("acme-x", template="nowhere"))
    os.makedirs("broken/src/a/b/c/d/e/f/g/h/i")
    done = run("plugin", *new("acme-x", template="broken"))
    is_((1, True), (done.status, "is nested more than 8 directories deep" in done.err))
    shutil.rmtree("broken")
    is_(before, sorted(os.listdir(".")))


@case
def new_without_tools():
    """without autoconf it says what to install, and makes nothing"""
    done = subprocess.run([os.path.join(BUILD, "wfworker"), "plugin", "new", "acme-x", "--template", TEMPLATE], env={"PATH": "/nowhere"},
                          capture_output=True, text=True, timeout=60)
    is_((1, "wfworker: the configure script cannot be made: autoreconf, automake, libtoolize, pkg-config not found\nHINT:  install "
         "autoconf, automake, libtool and pkg-config (on Debian wfworker-dev brings them), or say --no-configure\n"),
        (done.returncode, done.stderr))
    assert not glob.glob("*acme-x*") and not glob.glob(".acme-x*")


@case
def new_with_failing_tools():
    """what autoreconf says when it fails is shown, and nothing is left"""
    os.makedirs("bin")
    for name in ("autoreconf", "automake", "libtoolize", "pkg-config"):
        write("bin/" + name, "#!/bin/sh\necho \"$0 does not like it\" >&2\nexit 63\n")
        os.chmod("bin/" + name, 0o755)
    path = os.path.abspath("bin")
    done = run("plugin", "new", "acme-x", "--template", TEMPLATE, env={"PATH": path + ":/usr/bin:/bin"})
    is_((1, "", path + "/autoreconf does not like it\nwfworker: autoreconf ended with exit code 63: what it said stands above\n"),
        (done.status, done.out, done.err))
    assert not glob.glob("*acme-x*") and not glob.glob(".acme-x*")


@case
def run_outcomes():
    """plugin run prints the outcome, and its exit code says how the node ended"""
    plugin("good")
    says('{"outcome":"done","output":{"hello":"Ada","input":{"who":"Ada"}},"branch":"yes"}', "run", "good.so", "--node", "test.block",
         "--config", '{"do":"done","name":"${who}"}', "--input", '{"who":"Ada"}')
    says('{"outcome":"done","output":{"hi":"Ada","input":{}},"branch":"yes"}', "run", "./good.so", "--node", "good-block", "--config",
         '{"do":"done","name":"Ada"}', "--section", "word=hi")
    says('{"outcome":"fail","type":"sample_error","message":"as asked","retryable":true,"retry_after_ms":1500,"details":{"do":"fail"}}',
         "run", "good.so", "--node", "test.block", "--node-config", '{"do":"fail"}', status=1)
    says('{"outcome":"park","until_ms":1000,"signals":["wake"],"checkpoint":{"hello":"nobody","input":{}}}', "run", "good.so", "--node",
         "test.block", '--config={"do":"park"}', status=3)
    says('{"outcome":"enter","branch":"body","vars":{"hello":"nobody","input":{}},"pass":3}', "run", "good.so", "--node", "test.block",
         "--config", '{"do":"enter"}', status=3)
    says('{"outcome":"leave","leave":"continue","label":"outer"}', "run", "good.so", "--node", "test.loop", "--config", '{"do":"leave"}')
    says('{"outcome":"done","output":{"hello":"nobody","input":{}},"branch":"timer"}', "run", "good.so", "--node", "test.loop", "--config",
         '{"do":"timer"}', "--section", "isolate=never")
    done = run("plugin", "run", "good.so", "--node", "test.loop", "--config", '{"do":"leave"}')
    is_('{\n  "outcome": "leave",\n  "leave": "continue",\n  "label": "outer"\n}\n', done.out)


@case
def run_refusals():
    """a configuration that is refused, a handler that says nothing, an attempt that takes too long"""
    plugin("good")
    says('{"outcome":"fail","type":"config_invalid","message":"invalid configuration: \\"/name\\": has 1 characters, at least 2 needed",'
         '"retryable":false}', "run", "good.so", "--node", "test.block", "--config", '{"name":"x"}', status=1)
    says('{"outcome":"timeout","message":"the node timed out after 0.2 seconds"}', "run", "good.so", "--node", "test.block", "--config",
         '{"do":"hold","ms":60000}', "--timeout", "0.2", status=1)
    done = run("plugin", "run", "good.so", "--node", "test.block", "--json")
    is_((1, "handler_error"), (done.status, json.loads(done.out)["type"]))


@case
def run_secrets():
    """secrets are there for the handler, and neither in the outcome nor in the log"""
    plugin("good")
    done = run("plugin", "run", "good.so", "--node", "test.block", "--config", '{"do":"secret","name":"WORD"}', "--json",
               env={"WFWORKER_SECRET_WORD": "xyzzy"})
    is_((0, '{"outcome":"done","output":{"secret":"***"},"variables":[{"name":"told","scope":"workflow","value":{"secret":"***"}}]}\n'),
        (done.status, done.out))
    assert "the secret is ***" in done.err and 'progress value="{\\"secret\\":\\"***\\"}"' in done.err, done.err
    assert "xyzzy" not in done.out + done.err, done


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"n": 1}')

    def log_message(self, *arguments):
        pass


@case
def run_http():
    """http is real, and a node type names its plugin"""
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        done = run("plugin", "run", "http_request", "--config", json.dumps({"url": "http://127.0.0.1:%d/" % server.server_port}), "--json")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    is_((0, "done", {"n": 1}), (done.status, json.loads(done.out)["outcome"], json.loads(done.out)["output"]["json"]))


@case
def run_usage():
    """what is wrong with the call is said"""
    plugin("good")
    fails("the plugin has several node types: --node has to say which\nHINT:  plugin good has test.block, test.loop, test.thread", "run",
          "good.so")
    fails('the plugin has no node type "x.y"\nHINT:  plugin good has test.block, test.loop, test.thread', "run", "good.so", "--node", "x.y")
    fails('--why "never" is not known\nHINT:  it is one of start, timer, signal, child, scope or answer', "run", "good.so", "--why", "never",
          status=2)
    fails('--section "x" is not KEY=VALUE', "run", "good.so", "--section", "x", status=2)
    fails('--attempt "0" is not a number from 1 to 1000000', "run", "good.so", "--attempt", "0", status=2)
    fails('--timeout "x" is not a number of seconds from 0.001 to a year', "run", "good.so", "--timeout", "x", status=2)
    done = run("plugin", "run", "good.so", "--config", "wfworker.conf")
    is_((2, 'behind "plugin run", --config is the configuration of the node; wfworker\'s own file is named before it'),
        (done.status, done.err.strip().split("HINT:  ")[-1]))
    path = os.path.abspath("good.so")
    fails('plugin good (%s): [plugin good]: unknown key "colour"\nHINT:  wfworker plugin inspect good shows the keys that it has' % path, "run", "good.so", "--section", "colour=red")


def report(*arguments, **options):
    done = run("plugin", "doctor", *arguments, "--json", **options)
    is_("", done.err)
    return done.status, json.loads(done.out)


def steps(document, *results):
    return [(s["step"], s["text"]) for s in document["steps"] if s["result"] in results]


@case
def doctor_of_a_good_one():
    """plugin doctor: every step passes, and what its author left out is a warning"""
    if SANITIZED:
        print("# left out: the sanitizers' symbols and libraries are in the program")
        return
    path = plugin("good")
    status, document = report("good.so")
    is_((0, True), (status, document["loads"]))
    names = [s["step"] for s in document["steps"] if s["result"] == "ok"]
    is_(["file", "ELF header", "segments", "symbols", "identity"], names[:5])
    is_(["loading", "start", "plugin"], names[-3:])
    is_([], steps(document, "fail", "skip"))
    warned = steps(document, "warn")
    for one in (("plugin", "configuration keys without a description: word, limit, loud"), ("test.loop", "no schema of its configuration"),
                ("test.block", "no schema of its result"), ("test.thread", "no examples")):
        assert one in warned, (one, warned)
    is_(1, report("good.so", "--strict")[0])
    text = run("plugin", "doctor", "good.so").out
    assert text.startswith("ok    file  ") and path in text.splitlines()[0], text
    assert text.endswith("\nThe plugin loads; %d warnings.\n" % document["warnings"]), text


@case
def doctor_of_bad_ones():
    """plugin doctor: the step that fails, with its reason; those behind it are skipped"""
    if SANITIZED:
        print("# left out: the sanitizers' symbols are in the program, and their reports are not signals")
        return
    write("text.so", "hello\n")
    is_((1, [("ELF header", "not a shared object: the file does not begin with an ELF header")], ["loading", "start"]),
        (lambda s, d: (s, steps(d, "fail"), [x[0] for x in steps(d, "skip")]))(*report("text.so")))
    is_([("file", "the file cannot be read: No such file or directory")], steps(report("nothing.so")[1], "fail"))
    plugin("plain")
    is_([("identity", "not a wfworker plugin: it does not export wfw_plugin_abi")], steps(report("plain.so")[1], "fail"))
    path = plugin("undefined")
    document = report("undefined.so")[1]
    is_([("loading", path + ": undefined symbol: acme_frobnicate")], steps(document, "fail"))
    assert ("undefined symbols", "in none of its libraries: acme_frobnicate") in steps(document, "warn"), document
    plugin("bad", "crash_ctor")
    document = report("crash_ctor.so")[1]
    is_([("loading", "crashed with signal 11 (SIGSEGV) while it was loaded")], steps(document, "fail"))
    assert ("exported symbols", "more than the two that are needed: unused_entry") in steps(document, "warn"), document
    plugin("good", "other")
    is_([("loading", 'its descriptor has the name "good", the file is named "other.so"')], steps(report("other.so")[1], "fail"))
    plugin("good")
    os.chmod("good.so", 0o775)
    is_([("file", "refused: its mode is 0775, its group may change the file")], steps(report("good.so")[1], "fail"))
    os.chmod("good.so", 0o755)
    write("w.conf", "[plugin good]\ncolour = red\n")
    is_([("start", '[plugin good]: unknown key "colour"')], steps(report("good.so", "--config", "w.conf")[1], "fail"))
    write("w.conf", "[plugin good]\nenabled = no\n")
    is_([("start", "disabled by enabled = no in [plugin good]")], steps(report("good.so", "--config", "w.conf")[1], "skip"))


@case
def inspect_forms():
    """plugin inspect: a file, a name, a node type; as text, JSON, schema, Markdown, manual page"""
    if SANITIZED:
        print("# left out: the sanitizers' symbols and libraries are in the program")
        return
    path = plugin("good")
    text = run("plugin", "inspect", "good.so").out
    assert text.startswith("good 1.2.3: sample of the tests\n  state    ok\n  file     %s\n" % path), text
    assert "\ntest.block, good-block, test.blocking: on a thread of the pool\n  effect: unsafe; class: blocking; capabilities: http, secrets\n" \
           "  configuration:\n    do    string\n    name  string, at least 2 characters\n    when  expression\n" in text, text
    document = json.loads(run("plugin", "inspect", "good.so", "--json").out)
    is_(("good", "test", "Apache-2.0", ["test.block", "good-block", "test.blocking", "test.loop", "test.thread"]),
        (document["name"], document["vendor"], document["license"], document["node_types"]))
    is_("on the loop", json.loads(run("plugin", "inspect", "test.loop", "--plugin-dir", "good.so", "--json").out)["summary"])
    is_(["do", "name", "when"], list(json.loads(run("plugin", "inspect", "good-block", "--plugin-dir", "good.so", "--schema").out)["properties"]))
    is_({"plugin", "nodes"}, set(json.loads(run("plugin", "inspect", "good.so", "--schema").out)))
    assert "| `name` | string | at least 2 characters |" in run("plugin", "inspect", "good.so", "--markdown").out
    assert json.loads(run("plugin", "inspect", "good.so", "--deps", "--json").out)[0]["file"].startswith("/")
    assert run("plugin", "inspect", "noop").out.startswith("core ")


@case
def inspect_own_pages():
    """every plugin of the build has a manual page that groff takes without a word"""
    names = [p["name"] for p in json.loads(run("--list-plugins", "--json").out)["plugins"] if p["state"] == "ok"]
    assert len(names) > 5, names
    for name in names:
        page = run("plugin", "inspect", name, "--man").out
        assert page.startswith(".TH WFWORKER\\-"), page[:200]
        if shutil.which("groff"):
            is_("", subprocess.run(["groff", "-man", "-ww", "-z", "-Kutf8"], input=page, capture_output=True, text=True, timeout=60).stderr)


@case
def inspect_errors():
    """plugin inspect of nothing, of what does not load, in two forms at once"""
    done = run("plugin", "inspect", "noopp")
    is_((1, 'wfworker: there is no plugin and no node type "noopp"', 'HINT:  did you mean "noop"?'),
        (done.status, done.err.splitlines()[0], done.err.splitlines()[-1]))
    write("text.so", "hello\n")
    fails("plugin text (%s): not a shared object: the file does not begin with an ELF header\nHINT:  A plugin is what cc -shared makes; "
          "remove the file or give it another name." % os.path.abspath("text.so"), "inspect", "text.so")
    write("plugin.txt", "hello\n")
    fails("./plugin.txt is not the file of a plugin: its name does not end in .so\nHINT:  name the file after the plugin, such as "
          "acme-hello.so; libtool puts it into .libs", "inspect", "./plugin.txt")
    fails("--json, --schema, --markdown, --man and --deps exclude each other", "inspect", "noop", "--man", "--markdown", status=2)


def header():
    with open(os.path.join(SOURCE, "include/wfworker/plugin.h"), encoding="utf-8") as f:
        return f.read()


def made(tool, *arguments, source):
    with open(os.path.join(SOURCE, source), encoding="utf-8") as f:
        return subprocess.run([sys.executable, os.path.join(SOURCE, "tools", tool), *arguments], input=f.read(), capture_output=True,
                              text=True, encoding="utf-8", timeout=60, env=dict(os.environ, PYTHONUTF8="1")).stdout


@case
def manual_pages():
    """the manual pages of plugins are what make man-pages makes, and groff takes them"""
    for page, text in (("wfworker-plugin.3", made("plugin3.py", source="include/wfworker/plugin.h")),
                       ("wfworker-plugin.5", made("md2man.py", "wfworker-plugin", "5", "plugins of wfworker as files",
                                                  source="doc/plugin-files.md"))):
        path = os.path.join(SOURCE, "man", page)
        with open(path, encoding="utf-8") as f:
            is_(text, f.read())
        if shutil.which("groff"):
            is_("", subprocess.run(["groff", "-man", "-ww", "-z", "-Kutf8", path], capture_output=True, text=True, timeout=60).stderr)


@case
def whole_interface():
    """wfworker-plugin(3) has every structure, member, function, number and macro of the header"""
    with open(os.path.join(SOURCE, "man/wfworker-plugin.3"), encoding="utf-8") as f:
        page = f.read().replace("\\-", "-")
    heads = set(re.findall(r"(?m)^\.SS (\w+)$", page))
    items = "\n".join(re.findall(r"(?m)^\.B (.*)$", page))
    code = re.sub(r"/\*.*?\*/", "", header(), flags=re.S)
    structures = re.findall(r"(?ms)^struct (\w+) \{(.*?)^\};", code)
    assert len(structures) >= 13, structures
    for name, body in structures:
        assert name in heads, name
        body = re.sub(r"(?m)^#.*$|__attribute__\(\(.*?\)\)\)", "", body)
        for declaration in filter(str.strip, body.split(";")):
            function = re.search(r"\(\*(\w+)\)\(", declaration)
            member = function.group(1) if function else re.findall(r"(\w+)(?:\[\w+\])?\s*(?:,|$)", declaration.strip())[-1]
            assert re.search(r"\b%s\b" % member, items), (name, member)
    for word in re.findall(r"\bWFW_[A-Z_]+\b(?= = )|(?<=#define )WFW_(?!EXPORT|C\b)[A-Z_]+", code):
        assert word in items, word


main()
