# SPDX-License-Identifier: Apache-2.0
"""The plugins of examples/plugins, as a third party builds them: against an installed wfworker that pkg-config knows, and nothing else of
this tree.  What they do is asserted as a whole, in the worker's engine and in the mock library."""

import concurrent.futures
import contextlib
import glob
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from tap import BUILD, SETTINGS, SOURCE, case, is_, main


def sanitized():
    with open(os.path.join(BUILD, "config.status"), errors="replace") as status:
        return "-fsanitize" in status.read()


if sanitized():
    print("1..0 # SKIP what others build is not built with sanitizers")
    sys.exit(0)

ROOT = ""  # where wfworker is installed
ENV = {}
built = {}  # name of the directory: what building it says, to be waited for


class Skip(Exception):
    pass


def command(*words, cwd=None, expect=0, env=None):
    done = subprocess.run(words, cwd=cwd, env=env or ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert done.returncode == expect, "%s in %s: %d\n%s" % (" ".join(words), cwd, done.returncode, done.stdout)
    return done.stdout


def relocate(path):
    """The file of pkg-config says where wfworker will be; it is beneath ROOT."""
    with open(path) as f:
        lines = f.readlines()
    with open(path, "w") as f:
        for line in lines:
            name, equals, value = line.partition("=")
            f.write("%s=%s%s" % (name, ROOT, value) if equals and value.startswith("/") and name.isidentifier() else line)


def install():
    global ROOT
    ROOT = os.path.join(os.getcwd(), "root")
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS + ("MAKE", "MFLAGS"))}
    command("make", "install", "DESTDIR=" + ROOT, cwd=BUILD, env=surroundings)
    found = glob.glob(ROOT + "/**/wfworker-plugin.pc", recursive=True)
    assert len(found) == 1, found
    directory = os.path.dirname(found[0])
    for path in glob.glob(directory + "/wfworker*.pc"):
        relocate(path)
    ENV.update(surroundings, VERBOSE="1")  # automake's tests show what failed
    ENV["PKG_CONFIG_PATH"] = directory
    ENV["LD_LIBRARY_PATH"] = os.path.dirname(directory)
    ENV["plugindir"] = command("pkg-config", "--variable=plugindir", "wfworker-plugin").strip()
    assert os.path.isdir(ENV["plugindir"]), ENV["plugindir"]


def needs(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Skip("%s is not installed" % tool)


def with_make(directory, *tools):
    needs("cc", "pkg-config", *tools)
    command("make", cwd=directory)
    said = command("make", "check", cwd=directory)
    command("make", "install", cwd=directory)
    return said


def with_autotools(directory):
    needs("cc", "autoreconf", "libtoolize")
    command("autoreconf", "-i", cwd=directory)
    command("./configure", cwd=directory)
    said = command("make", "check", cwd=directory)
    command("make", "install", cwd=directory)
    return said


def with_cmake(directory):
    needs("cmake", "g++")
    command("cmake", "-S", ".", "-B", "build", cwd=directory)
    command("cmake", "--build", "build", cwd=directory)
    command("cmake", "--install", "build", cwd=directory)
    return ""


def with_rust(directory):
    try:
        needs("rustc")
        command("rustc", "--version")  # a launcher without a compiler behind it is none
    except AssertionError as broken:
        raise Skip("rustc does not run") from broken
    return with_make(directory)


PROJECTS = {"c-autotools": with_autotools, "c-make": with_make, "cpp-cmake": with_cmake, "rust": with_rust,
            "http-loop": with_make, "flow": with_make}


def wait_for(name):
    return built[name].result(timeout=600)


def path(name, *rest):
    return os.path.join(os.getcwd(), "plugins", name, *rest)


def wfworker(*words, expect=0):
    program = glob.glob(ROOT + "/**/bin/wfworker", recursive=True)[0]
    done = subprocess.run([program, *words, "--plugin-dir", ENV["plugindir"]], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=600)
    assert done.returncode == expect, (words, done)
    return done.stdout


def execute(workflow, data, *words, expect=0):
    return json.loads(wfworker("exec", workflow, "--data", json.dumps(data), "--log-level", "error", *words, expect=expect))


def outputs(result):
    return {node: said["output"] for node, said in result["node_results"].items() if node != "trigger"}


@case
def installed_and_built():
    """wfworker is installed; all projects are copied out of the tree"""
    install()
    shutil.copytree(os.path.join(SOURCE, "examples/plugins"), "plugins")
    for directory, _, files in os.walk("plugins"):
        os.chmod(directory, 0o755)
        for file in files:
            name = os.path.join(directory, file)
            os.chmod(name, os.stat(name).st_mode | 0o644)
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=3)
    for name, build in PROJECTS.items():
        built[name] = pool.submit(build, path(name))


@case
def c_autotools():
    """c-autotools: configure, make check, make install; the workflow's whole result"""
    assert "# PASS:  1\n" in wait_for("c-autotools")
    result = execute(path("c-autotools", "workflow.json"), {"title": "Annual Report, 2026"}, "--virtual-time")
    is_({"slug": {"slug": "annual-report-2026"}}, outputs(result))
    is_(("completed", ["trigger", "slug"]), (result["status"], result["completed_node_ids"]))


@case
def c_make():
    """c-make: make, make check, make install; the workflow's whole result"""
    wait_for("c-make")
    result = execute(path("c-make", "workflow.json"), {"csv": "name;n\nAda;1\nBo;\"2\"\n"}, "--virtual-time")
    is_({"read": {"rows": [{"name": "Ada", "n": "1"}, {"name": "Bo", "n": "2"}], "count": 2}}, outputs(result))


@case
def cpp_cmake():
    """cpp-cmake: cmake, cmake --install; the workflow's whole result"""
    wait_for("cpp-cmake")
    result = execute(path("cpp-cmake", "workflow.json"), {"values": [8, 1, 4, 2]}, "--virtual-time")
    is_({"stats": {"count": 4, "sum": 15.0, "mean": 3.75, "deviation": 3.095695936834452, "min": 1.0, "median": 3.0, "max": 8.0,
                   "percentiles": {"90": 6.800000000000001}}}, outputs(result))
    failed = execute(path("cpp-cmake", "workflow.json"), {"values": [1, "2"]}, "--virtual-time", expect=1)
    is_("/values/1 is not a number", failed["node_results"]["stats"]["error"])


@case
def rust():
    """rust: rustc alone; valid and invalid take their branches"""
    assert "2 passed" in wait_for("rust")
    result = execute(path("rust", "workflow.json"), {"account": "DE89 3704 0044 0532 0130 00"}, "--virtual-time")
    is_({"iban": {"iban": "DE89370400440532013000", "country": "DE"}, "pay": {}}, outputs(result))
    result = execute(path("rust", "workflow.json"), {"account": "DE89 3704 0044 0532 0130 01"}, "--virtual-time")
    is_({"iban": {"iban": "DE89370400440532013001", "reason": "its check digits are wrong"}, "ask": {}}, outputs(result))


@case
def python_exec():
    """python-exec: a program of the configuration, its limits and its schema"""
    with open(path("python-exec", "wfworker.conf")) as f:
        text = f.read().replace("/opt/acme", path("python-exec"))
    with open("report.conf", "w") as f:
        f.write(text)
    workflow = path("python-exec", "workflow.json")
    result = execute(workflow, {"orders": [{"name": "A|a", "total": 3}, {"name": "Bo", "total": 4.5}]}, "--config", "report.conf")
    is_({"report": {"markdown": "# Orders\n\n| name | total |\n| --- | --- |\n| A\\|a | 3 |\n| Bo | 4.5 |\n", "rows": 2,
                    "sums": {"total": 7.5}}}, outputs(result))
    failed = execute(workflow, {"orders": [1]}, "--config", "report.conf", expect=1)
    is_("row 0 is not an object", failed["node_results"]["report"]["error"])
    failed = execute(workflow, {"orders": {}}, "--config", "report.conf", expect=1)
    is_('invalid configuration: "/rows": must be of type array, is object', failed["node_results"]["report"]["error"])


class Receiver(BaseHTTPRequestHandler):
    seen = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        Receiver.seen.append((self.path, self.headers["Content-Type"], self.headers["Idempotency-Key"], body))
        first = len(Receiver.seen) == 1
        answer = b"" if first else b'{"id": 1}'
        self.send_response(503 if first else 201)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@case
def http_loop():
    """http-loop: a second attempt after 503, with the same key"""
    wait_for("http-loop")
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = "http://127.0.0.1:%d" % server.server_port
        result = execute(path("http-loop", "workflow.json"), {"base_url": url, "order": 7})
        server.shutdown()
    is_({"tell": {"status": 201, "body": {"id": 1}}}, outputs(result))
    is_(2, len(Receiver.seen))
    is_(Receiver.seen[0], Receiver.seen[1])
    is_(("/hook", "application/json", '{"order":7}'), (Receiver.seen[0][0], Receiver.seen[0][1], Receiver.seen[0][3]))
    assert len(Receiver.seen[0][2]) > 10, Receiver.seen


@case
def flow():
    """flow: rounds, a race and a loop that is left, in their order"""
    wait_for("flow")
    result = execute(path("flow", "workflow.json"), {}, "--virtual-time", "--trace")
    is_({"look": {}, "poll": {"rounds": 3}, "fast": {"delay_type": "seconds", "completed": True},
         "race": {"winner": "fast", "result": {"delay_type": "seconds", "completed": True}}, "enough": {},
         "count": {"count": 2, "succeeded": 2, "failed": 0, "results": [{}, {}]}, "end": {}}, outputs(result))
    is_(["trigger", "poll -done", "poll#1/look", "poll#2/look", "poll#3/look", "race -done", "race/slow cancelled", "race#2/fast",
         "count -done", "count#1/enough", "count#2/enough", "end"], [line(entry) for entry in result["trace"]])


def line(entry):
    return "".join([entry["scope"] + "/" if entry["scope"] else "", entry["node_id"], " -" + entry["branch"] if entry["branch"] else "",
                    "" if entry["status"] == "completed" else " " + entry["status"]])


@case
def listed():
    """all of them are listed by the installed wfworker"""
    found = {p["name"]: (p["state"], p["version"], p["node_types"]) for p in json.loads(wfworker("--list-plugins", "--json"))["plugins"]}
    expected = {"acme-slug": ["acme.slug"], "acme-csv": ["acme.csv"], "acme-stats": ["acme.stats"], "acme-iban": ["acme.iban"],
                "acme-webhook": ["acme.webhook"], "acme-flow": ["acme.repeat_until", "acme.parallel_first", "acme.stop"]}
    skipped = {"acme-slug": "c-autotools", "acme-stats": "cpp-cmake", "acme-iban": "rust"}
    for name, types in expected.items():
        with contextlib.suppress(Skip):
            wait_for(skipped.get(name, "flow"))
            is_(("ok", "1.0.0", types), found.get(name))


# ---- The mock library against the worker ----

ONE_CALL = r"""
#include <stdio.h>
#include <wfworker/mock.h>
int main(int argc, char **argv)
{
    const struct wfw_mock_call call = {.size = sizeof call, .node_type = argv[2], .config = argv[3]};
    struct wfw_mock *mock = argc == 4 ? wfw_mock_open_file(argv[1], NULL) : NULL;
    if (!mock) {
        fprintf(stderr, "%s\n", wfw_mock_error());
        return 1;
    }
    struct wfw_mock_run *run = wfw_mock_call(mock, &call);
    puts(wfw_mock_json(run));
    wfw_mock_free(run);
    return wfw_mock_close(mock);
}
"""

CALLS = [("c-autotools", "acme-slug", "acme.slug", {"text": "a b"}), ("c-autotools", "acme-slug", "acme.slug", {"text": "!"}),
         ("c-autotools", "acme-slug", "acme.slug", {"text": "a", "max_length": 0}), ("c-make", "acme-csv", "acme.csv", {"text": "a\n1\n"}),
         ("c-make", "acme-csv", "acme.csv", {"text": "a\n\"1"}), ("cpp-cmake", "acme-stats", "acme.stats", {"values": [0.1, 0.2]}),
         ("cpp-cmake", "acme-stats", "acme.stats", {"values": [True]}), ("rust", "acme-iban", "acme.iban", {"iban": "x"}),
         ("http-loop", "acme-webhook", "acme.webhook", {"url": "http://127.0.0.1/", "token_secret": "none"})]


def in_the_worker(node_type, config):
    """Output, or type and message of the failure."""
    graph = {"nodes": [{"node_id": "trigger", "node_type": "trigger"}, {"node_id": "n", "node_type": node_type, "config": config}],
             "edges": [{"from": "trigger", "to": "n"}, {"from": "n", "to": "n2", "branch": "error"}]}
    graph["nodes"].append({"node_id": "n2", "node_type": "noop", "config": {}})
    with open("one.json", "w") as f:
        json.dump(graph, f)
    result = execute("one.json", {}, "--virtual-time")["node_results"]["n"]
    output = result["output"]
    return output if result["status"] == "success" else {"message": result["error"]}


def in_the_mock(name, plugin, node_type, config):
    said = json.loads(command("./one_call", os.path.join(ENV["plugindir"], plugin + ".so"), node_type, json.dumps(config)))
    if said["outcome"] == "done":
        return said["output"]
    is_("fail", said["outcome"])
    return {"message": said["message"]}


@case
def the_mock_is_like_the_worker():
    """the same calls have the same outcomes in the mock library and in the worker"""
    with open("one_call.c", "w") as f:
        f.write(ONE_CALL)
    flags = command("pkg-config", "--cflags", "--libs", "wfworker-plugin-mock").split()
    command("cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "one_call.c", *flags, "-o", "one_call")
    for name, plugin, node_type, config in CALLS:
        with contextlib.suppress(Skip):
            wait_for(name)
            is_(in_the_worker(node_type, config), in_the_mock(name, plugin, node_type, config))


@case
def in_cpp():
    """the header of the mock library is C++11 as well, and needs nothing before it"""
    needs("g++")
    flags = command("pkg-config", "--cflags", "wfworker-plugin-mock").split()
    with open("alone.cpp", "w") as f:
        f.write("#include <wfworker/mock.h>\nint main() { return wfw_mock_close(nullptr); }\n")
    command("g++", "-std=c++11", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "alone.cpp", *flags)


@case
def statically():
    """the static mock library has no other names than the shared one"""
    needs("nm")
    library = os.path.join(ENV["LD_LIBRARY_PATH"], "libwfworker-mock.")
    names = {kind: sorted(line.split()[-1] for line in command("nm", *words).splitlines() if len(line.split()) == 3)
             for kind, words in (("a", ("-g", "--defined-only", library + "a")), ("so", ("-D", "--defined-only", library + "so")))}
    is_(names["a"], names["so"])
    assert len(names["a"]) > 20 and all(name.startswith("wfw_mock_") for name in names["a"]), names


if __name__ == "__main__":
    main(Skip)
