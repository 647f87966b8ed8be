# SPDX-License-Identifier: Apache-2.0
"""Programs as node types (doc/exec.md): every line that they may write, every way in which they may end, and the sections that say
which they are.  Without a database."""

import json
import os
import sys
import time

from harness import SANITIZED, case, main, note, tmpdir, wait_until, wfworker

if SANITIZED:
    print("1..0 # SKIP limits are not put upon processes beneath a sanitizer")
    sys.exit(0)
SECCOMP = "with seccomp" in wfworker("--version").out
made = 0


def script(text, language="/bin/sh"):
    """A program in a file; its path."""
    global made
    made += 1
    path = os.path.join(tmpdir(), "program-%d" % made)
    with open(path, "w") as f:
        f.write("#!%s\n%s\n" % (language, text))
    os.chmod(path, 0o755)
    return path


def config(text):
    path = os.path.join(tmpdir(), "exec-%d.conf" % made)
    with open(path, "w") as f:
        f.write(text)
    return path


def run(text, language="/bin/sh", keys="", node=None, env=None, edges=()):
    """Run a workflow of one node; the node's result."""
    path = config("[exec acme.it]\ncommand = %s\n%s\n" % (script(text, language), keys))
    flow = {"nodes": [{"id": "t", "type": "trigger"}, {"id": "n", "type": "acme.it", "config": node or {}}, {"id": "yes", "type": "noop"}],
            "edges": [{"source": "t", "target": "n"}, *edges]}
    done = wfworker("--config", path, "exec", "-", "--data", '{"name": "n"}', stdin=json.dumps(flow), env=env)
    assert done.out, done
    answer = json.loads(done.out)
    result = answer["node_results"].get("n", {})
    result["log"] = done.err
    result["completed"] = answer["completed_node_ids"]
    return result


def fails(result, kind, message, details=None):
    error = result["output"]["error"]
    assert (error["type"], error["message"]) == (kind, message), error
    assert details is None or error["details"] == details, error


PYTHON = sys.executable


@case
def one_line_in():
    """what a program reads, and what it says while it runs"""
    result = run("""import json, sys
lines = sys.stdin.read().split("\\n")
call = json.loads(lines[0])
assert lines[1:] == [""], lines
print(json.dumps({"progress": {"done": 1}}))
print(json.dumps({"log": "half way", "level": "warning"}))
print("not so important", file=sys.stderr)
print(json.dumps({"result": call, "branch": "yes"}))""", PYTHON, node={"x": "${name}"},
                 edges=[{"source": "n", "target": "yes", "branch": "yes"}])
    got = result["output"]
    assert "config" in got, result
    assert got["config"] == {"x": "n"} and got["input"]["name"] == "n", got
    assert (got["version"], got["node"], got["type"], got["attempt"], got["why"]) == (1, "n", "acme.it", 1, "start"), got
    assert got["checkpoint"] is None and got["signal"] is None and got["event"] is None, got
    assert got["key"].endswith("/n") and got["execution"].startswith("exec-"), got
    assert sorted(got) == ["attempt", "checkpoint", "config", "deadline_ms", "event", "execution", "input", "key", "node", "signal",
                           "type", "version", "why", "workflow"], got
    assert "warning half way node=n" in result["log"] and "info not so important node=n" in result["log"], result["log"]
    assert "yes" in result["completed"], result


@case
def results():
    """a result that is no object, and one without a line end"""
    assert run("""printf '{"result": [1, 2]}'""")["output"] == {"result": [1, 2]}
    assert run("""echo '{"result": null}'""")["output"] == {"result": None}


@case
def failures():
    """failures that a program says itself"""
    fails(run("""echo '{"error": {"type": "no_stock", "message": "none left", "details": {"left": 0}}}'; exit 3"""),
          "no_stock", "none left", {"left": 0})
    fails(run("""echo '{"error": "just so"}'"""), "exec_failed", "just so", {"exit_code": 0})
    fails(run("""echo '{"error": {}}'; echo last words >&2"""), "exec_failed", "the program failed",
          {"exit_code": 0, "stderr": "last words"})


@case
def exit_codes():
    """exit codes without a line"""
    fails(run("echo first >&2; echo no way >&2; exit 7"), "exec_failed",
          "the program of node type acme.it ended with exit code 7: no way", {"exit_code": 7, "stderr": "no way"})
    fails(run("exit 1"), "exec_failed", "the program of node type acme.it ended with exit code 1", {"exit_code": 1})
    fails(run("exit 75"), "temporary_failure", "the program of node type acme.it ended with exit code 75", {"exit_code": 75})
    fails(run("exit 0"), "invalid_output",
          "the program of node type acme.it cannot be understood: it ended with exit code 0 and without a result", {"exit_code": 0})
    fails(run("""echo '{"result": {}}'; exit 2"""), "exec_failed", "the program of node type acme.it ended with exit code 2")


@case
def output_that_is_none():
    """lines that cannot be understood"""
    said = "the program of node type acme.it cannot be understood: "
    fails(run("echo hello"), "invalid_output",
          said + "line 1 of its output is not JSON: invalid JSON at line 1, column 5: invalid token near 'hello'")
    fails(run("""echo '{"log": "x"}'; echo '[1]'"""), "invalid_output", said + "line 2 of its output is not a JSON object")
    fails(run("""echo '{"other": 1}'"""), "invalid_output",
          said + "line 1 of its output has none of the members progress, log, result, error, park")
    fails(run("""echo '{"result": 1}'; echo '{"result": 2}'"""), "invalid_output",
          said + "line 2 of its output says a second time how the node ended")
    fails(run("""echo '{"log": 5}'; echo '{"result": 2}'"""), "invalid_output", said + "line 1 of its output has a log that is no text")
    fails(run("""echo '{"park": {}}'"""), "invalid_output", said + "park needs after, until_ms or signal")


@case
def parks():
    """a program that is started again, with its checkpoint"""
    result = run("""import json, sys
call = json.loads(sys.stdin.readline())
if call["why"] == "start":
    print(json.dumps({"park": {"after": 0.1, "checkpoint": {"n": 7}}}))
else:
    print(json.dumps({"result": {"why": call["why"], "checkpoint": call["checkpoint"]}}))""", PYTHON)
    assert result["output"] == {"why": "timer", "checkpoint": {"n": 7}}, result


@case
def deaths():
    """signals, limits and a program that is not there"""
    result = run("kill -SEGV $$")
    fails(result, "crashed", "the program of node type acme.it crashed with signal 11 (SIGSEGV)")
    assert result["output"]["error"]["details"]["signal_name"] == "SIGSEGV", result
    fails(run("kill -STOP $$"), "crashed", "the program of node type acme.it stopped its process with signal 19 (SIGSTOP)")
    fails(run("while :; do :; done", keys="limit_cpu = 1"), "limit_exceeded",
          "the program of node type acme.it used up its processor time, limit_cpu = 1 s")
    fails(run("exec cat /dev/zero", keys="limit_output = 1MiB"), "limit_exceeded",
          "the program of node type acme.it wrote more in one call than it may, limit_output = 1 MiB",
          {"limit": "limit_output", "limit_value": "1 MiB"})
    gone = script("")
    remover = script("""rm %s; echo '{"result": {}}'""" % gone)
    flow = {"nodes": [{"id": "m", "type": "acme.remove"}, {"id": "n", "type": "acme.gone"}], "edges": [{"source": "m", "target": "n"}]}
    path = config("[exec acme.gone]\ncommand = %s\n[exec acme.remove]\ncommand = %s\n" % (gone, remover))
    done = wfworker("--config", path, "exec", "-", stdin=json.dumps(flow))
    assert "Node n failed: the program of node type acme.gone cannot be run: %s: No such file or directory" % gone == \
        json.loads(done.out)["error_message"], done
    fails(run("", keys="cwd = /nowhere/at/all"), "exec_error", "the program of node type acme.it cannot be run: the directory "
          "/nowhere/at/all cannot be entered: No such file or directory")


@case
def memory():
    """a program that wants more memory than it may have"""
    result = run("import json\ntry:\n    x = bytearray(1 << 30)\nexcept MemoryError:\n    print(json.dumps({'result': 'refused'}))", PYTHON,
                 keys="limit_memory = 256MiB")
    assert result["output"] == {"result": "refused"}, result


@case
def environment():
    """only what is named of the environment, and the directory"""
    text = """import json, os
print(json.dumps({"result": {"env": sorted(os.environ), "path": os.environ["PATH"], "a": os.environ.get("ACME_A"), "cwd": os.getcwd(),
    "fds": sorted(int(d) for d in os.listdir("/proc/self/fd"))}}))"""
    got = run(text, PYTHON, env={"ACME_A": "1", "ACME_B": "2"})["output"]
    assert [e for e in got["env"] if e != "LC_CTYPE"] == ["LANG", "PATH"], got
    assert got["path"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" and got["cwd"] == "/", got
    assert got["fds"] == [0, 1, 2, 3], got  # the last is that of listdir()
    got = run(text, PYTHON, keys="env = ACME_A, ACME_NONE PATH\ncwd = /tmp", env={"ACME_A": "1", "ACME_B": "2", "PATH": "/bin"})["output"]
    assert [e for e in got["env"] if e != "LC_CTYPE"] == ["ACME_A", "LANG", "PATH"], got
    assert (got["a"], got["path"], got["cwd"]) == ("1", "/bin", "/tmp"), got


@case
def sandbox():
    """network = no, and system calls that are refused"""
    if not SECCOMP:
        note("skipped: built without libseccomp")
        return
    text = """import json, os, signal, socket
def refused(f):
    try:
        f()
        return False
    except PermissionError:
        return True
print(json.dumps({"result": [refused(lambda: socket.socket()), refused(lambda: os.kill(os.getppid(), 0)),
                             refused(lambda: os.kill(-1, 0)), os.fork() >= 0]}), flush=True)
os._exit(0)"""
    first = run(text.replace(", os.fork() >= 0", ""), PYTHON, keys="network = no")
    assert first["output"] == {"result": [True, True, True]}, first
    second = run(text.replace("refused(lambda: socket.socket())", "socket.socket() is not None").replace(", os.fork() >= 0", ""), PYTHON)
    assert second["output"] == {"result": [True, True, True]}, second
    third = run(text.replace("os.fork() >= 0", "refused(os.fork)"), PYTHON, keys="limit_processes = 1")
    assert third["output"] == {"result": [False, True, True, True]}, third


@case
def nothing_is_left():
    """a timeout ends the program and everything that it started, also in sessions of their own"""
    pids = os.path.join(tmpdir(), "pids")
    began = time.monotonic()
    result = run("trap '' TERM; setsid sleep 1000 & echo $! >%s; sleep 1000 & echo $! >>%s; echo $$ >>%s; wait; sleep 1000" % (pids, pids, pids),
                 keys="timeout = 1s\nkill_after = 200ms")
    fails(result, "timeout", "timed out after 1 seconds")
    with open(pids) as f:
        left = f.read().split()
    assert len(left) == 3, left
    wait_until("the processes to end", lambda: not any(os.path.exists("/proc/" + p) for p in left))
    note("%.1f s" % (time.monotonic() - began))


@case
def orphans():
    """what a program leaves behind is ended with it, and does not hold it up"""
    pid = os.path.join(tmpdir(), "orphan")
    result = run("""setsid sleep 1000 & echo $! >%s; echo '{"result": {}}'""" % pid)
    assert result["output"] == {}, result
    with open(pid) as f:
        left = f.read().strip()
    assert left and not os.path.exists("/proc/" + left), left


@case
def large():
    """a megabyte in and out"""
    text = "import json, sys\ncall = json.loads(sys.stdin.readline())\nprint(json.dumps({'result': {'x': call['config']['x']}}))"
    x = "äöü" * 350000
    assert run(text, PYTHON, node={"x": x})["output"] == {"x": x}


@case
def sections():
    """sections that are wrong, each with its words"""
    schema = script("{")
    directory, plain, shared, public = tmpdir(), script(""), script(""), script("")
    for path, mode in ((plain, 0o644), (shared, 0o775), (public, 0o757)):
        os.chmod(path, mode)
    wrong = {
        "command = /nowhere/at/all -x": "command: /nowhere/at/all: No such file or directory",
        "command = %s" % directory: "command: %s is not a regular file" % directory,
        "command = %s" % plain: "command: %s cannot be run by this user, its mode is 0644" % plain,
        "command = %s" % shared: "command: %s is refused: its mode is 0775, its group may change the file" % shared,
        "command = %s" % public: "command: %s is refused: its mode is 0757, everybody may change the file" % public,
        "command =": "command is empty",
        "": "command is required",
        "command = /bin/true\nconfig_schema = relative": 'config_schema: "relative" is not an absolute path',
        "command = /bin/true\nconfig_schema = /dev/null": "config_schema: /dev/null is empty, larger than 1 MiB, or no text",
        "command = /bin/true\nenv = " + "A " * 65: "env: more than 64 names",
        "lmits = 3\ncommand = bin\neffect = maybe\ntimeout = soon": 'unknown key "lmits"; command: "bin" is not an absolute path; '
            'effect = "maybe": must be one of: unsafe, idempotent, reads, pure; timeout = "soon": must be seconds, or a number with ms, s, '
            'm, h or d, from 1 ms to 30 d',
        "command = relative/path": 'command: "relative/path" is not an absolute path',
        "command = /bin/sh -c \"oops": "command: a quote is not closed, or there are more than 64 words",
        "effect = pure": "command is required",
        "command = /bin/true\neffect = maybe": 'effect = "maybe": must be one of: unsafe, idempotent, reads, pure',
        "command = /bin/true\nlimits = 3": 'unknown key "limits"',
        "command = /bin/true\nenv = A=1": 'env: "A=1" is not the name of a variable',
        "command = /bin/true\nlimit_memory = x": 'limit_memory = "x": must be bytes, or a number with KiB, MiB or GiB, from 16 MiB to '
                                                 '1024 GiB, or none',
        "command = /bin/true\nlimit_processes = 0": "limit_processes = 0: a program is a process itself, 1 lets it start no other",
        "command = /bin/true\ntimeout = soon": 'timeout = "soon": must be seconds, or a number with ms, s, m, h or d, from 1 ms to 30 d',
        "command = /bin/true\ncwd = here": 'cwd: "here" is not an absolute path',
        "command = /bin/true\nnetwork = no\nsandbox = off": "network = no needs sandbox = on",
        "command = /bin/true\nconfig_schema = /nowhere": "config_schema: /nowhere cannot be read: No such file or directory",
    }
    for text, said in wrong.items():
        listed = json.loads(wfworker("--config", config("[exec acme.it]\n%s\n" % text), "--list-plugins", "--json").out)
        plugin = [p for p in listed["plugins"] if p["name"] == "exec"][0]
        assert plugin["state"] == "failed", (text, plugin)
        assert plugin["reason"] == "it cannot declare its node types: [exec acme.it]: " + said, (text, plugin["reason"])
    listed = json.loads(wfworker("--config", config("[exec acme.it]\ncommand = /bin/true\nconfig_schema = %s\n" % schema),
                                 "--list-plugins", "--json").out)
    reason = [p for p in listed["plugins"] if p["name"] == "exec"][0]["reason"]
    assert reason.startswith('config_schema of node type "acme.it": invalid JSON at line 1, column '), reason


ONE = '{"nodes": [{"id": "n", "type": "%s"}], "edges": []}'


def plugin_exec(*arguments, status=0):
    done = wfworker(*arguments, "--list-plugins", "--json")
    assert done.status == status, done
    return [p for p in json.loads(done.out)["plugins"] if p["name"] == "exec"][0]


@case
def one_of_some():
    """a section that is wrong costs its own node type only: it is told at once, and everywhere"""
    left_out = "[exec acme.bad]: command: /nowhere: No such file or directory; unknown key \"x\"; [exec acme.worse]: command is required"
    text = "[exec acme.bad]\ncommand = /nowhere\nx = 1\n[exec acme.it]\ncommand = %s\n[exec acme.worse]\n" % script(
        """echo '{"result": {"good": 1}}'""")
    for isolate in ("never", "always"):
        path = config(text + "[plugin exec]\nisolate = %s\nlimit_processes = 64\n" % isolate)
        plugin = plugin_exec("--config", path)
        assert (plugin["state"], plugin["node_types"], plugin["isolate"]) == ("ok", ["acme.it"], isolate), plugin
        assert plugin["reason"] == "node types are left out: " + left_out, plugin["reason"]
        table = wfworker("--config", path, "--list-plugins").out.splitlines()
        assert "          WARNING:  node types are left out: " + left_out in table, table
    assert plugin_exec("--config", path, "--strict", status=1)["state"] == "ok"
    path = config(text)
    strict = wfworker("--config", path, "--strict", "exec", "-", stdin=ONE % "noop")
    assert strict.err == "wfworker: plugin exec (%s): node types are left out: %s\n" % (plugin["file"], left_out), strict
    assert json.loads(wfworker("--config", path, "exec", "-", stdin=ONE % "acme.it").out)["status"] == "completed"
    done = wfworker("--config", path, "exec", "-", stdin=ONE % "acme.bad")
    message = json.loads(done.out)["node_results"]["n"]["output"]["error"]["message"]
    assert message.endswith("; left out: exec (%s)" % left_out), message
    checked = wfworker("--config", path, "check", "--db", "host=/nowhere").out.splitlines()
    assert "! plugin      %s: node types are left out: %s" % (plugin["file"], left_out) in checked, checked


@case
def very_many():
    """many wrong sections are told as far as there is room"""
    path = config("".join("[exec acme.t%d]\nlimits = 1\n" % i for i in range(50)))
    reason = plugin_exec("--config", path)["reason"]
    told = "; ".join('[exec acme.t%d]: unknown key "limits"; command is required' % i for i in range(10))
    assert reason == "it cannot declare its node types: " + told + "; and 80 more", reason


@case
def nobody_there():
    """sections whose plugin is not found, and names that are wrong"""
    path = config("[plugin exce]\nx = 1\n\n[plugin zzzzzzzz]\n")
    hint = "HINT:  wfworker --list-plugins shows what was found, and where it was looked for"
    listed = wfworker("--config", path, "--list-plugins")
    said = ['WARNING:  %s:1: [plugin exce]: there is no plugin "exce"' % path, 'HINT:  did you mean "exec"?',
            'WARNING:  %s:4: [plugin zzzzzzzz]: there is no plugin "zzzzzzzz"' % path, hint]
    assert listed.status == 0 and [x for x in listed.out.splitlines() if x.startswith(("WARNING:", "HINT:"))] == said, listed
    assert wfworker("--config", path, "--strict", "--list-plugins").status == 1
    strict = wfworker("--config", path, "--strict", "exec", "-", stdin=ONE % "noop")
    assert strict.err == ('wfworker: %s:1: [plugin exce]: there is no plugin "exce"\nDETAIL:  %s:4: [plugin zzzzzzzz]: there is no plugin '
                          '"zzzzzzzz"\nHINT:  did you mean "exec"?\n' % (path, path)), strict
    checked = wfworker("--config", path, "check", "--db", "host=/nowhere").out.splitlines()
    assert '! section     %s:1: [plugin exce]: there is no plugin "exce"; did you mean "exec"?' % path in checked, checked
    done = wfworker("--config", config("[exec rep]\ncommand = /bin/true\n"), "--list-plugins")
    assert done.status != 0 and done.err == ('wfworker: %s:1: the name of the node type "rep" has no vendor prefix\n'
                                             "HINT:  names without a dot are wfworker's own; say [exec acme.rep]\n" % path), done
    listed = wfworker("--config", config("[plugin jq]\nfrob = 1\n"), "--list-plugins", "--json")
    reason = [p["reason"] for p in json.loads(listed.out)["plugins"] if p["name"] == "jq"][0]
    assert reason == '[plugin jq]: unknown key "frob"\nHINT:  wfworker plugin inspect jq shows the keys that it has', reason


@case
def declared():
    """what is said of a program is what plugins say of their node types"""
    schema = os.path.join(tmpdir(), "schema.json")
    with open(schema, "w") as f:
        f.write('{"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}')
    path = config("[exec acme.it]\ncommand = /bin/true\nsummary = does it\neffect = reads\nconfig_schema = %s\n" % schema)
    listed = json.loads(wfworker("--config", path, "--list-plugins", "--json").out)
    node = [n for p in listed["plugins"] if p["name"] == "exec" for n in p["nodes"]][0]
    assert (node["type"], node["summary"], node["effect"], node["exec"]) == ("acme.it", "does it", "reads", "blocking"), node
    done = wfworker("--config", path, "exec", "-", stdin='{"nodes": [{"id": "n", "type": "acme.it", "config": {}}], "edges": []}')
    assert "config_invalid" in done.out and "title" in done.out, done
    shown = wfworker("--config", path, "config").out
    assert "exec acme.it: command" in shown, shown
    assert json.loads(wfworker("--config", path, "config", "--json").out)["plugins"]["exec"]["types"]["acme.it"]["summary"] == "does it"


if __name__ == "__main__":
    sys.exit(main())
