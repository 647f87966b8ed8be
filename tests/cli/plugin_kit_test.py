# SPDX-License-Identifier: Apache-2.0
"""What an author does with the installed wfworker: the tutorial of doc/plugins.md, command by command, and every listing of the
page compiled, read or run."""

import json
import os
import re
import shutil

from tap import SOURCE, case, is_, main
from staged import Staged, skip_unless_possible

STAGE = None


def stage():
    global STAGE
    if STAGE is None:
        directory = os.path.abspath("stage")
        os.mkdir(directory)
        STAGE = Staged(directory)
    return STAGE


def blocks(name):
    """[language, marked as a body, text] of every listing of a page."""
    with open(os.path.join(SOURCE, "doc", name), encoding="utf-8") as f:
        page = f.read()
    return [(m.group(2), bool(m.group(1)), m.group(3)) for m in re.finditer(r"(<!-- body -->\n)?```(\w*)\n(.*?)```\n", page, re.S)]


@case
def tutorial():
    """the commands of the tutorial, from nothing to an installed plugin whose node runs"""
    commands = [text for language, _, text in blocks("plugins.md") if language == "sh"]
    is_(5, len(commands))
    said = [stage().sh(commands[0])]
    assert said[0].startswith("acme-hello/ is ready: plugin acme-hello, node type acme.hello\n"), said[0]
    said += [stage().sh(text, "acme-hello") for text in commands[1:]]
    is_('{"outcome":"done","output":{"greeting":"Hello, Ada!","language":"en"}}\n', said[1])
    assert said[2].startswith("# acme-hello 0.1.0\n\nNode types of acme-hello.\n\n## acme.hello\n"), said[2]
    for line in ("PASS: tests/program.sh", "PASS: tests/handlers", "# FAIL:  0", "The plugin loads; 0 warnings."):
        assert line in said[3], said[3]
    assert re.search(r"^ok +acme-hello +0\.1\.0 +1\.0 +always +acme\.hello +", said[4], re.M), said[4]
    result = json.loads(said[4][said[4].index("\n{\n"):])
    is_("completed", result["status"])
    is_({"greeting": "Hello, Ada!", "language": "en"}, result["data"]["acme_hello_output"])


@case
def manual_page():
    """make man-page changes nothing in a new project"""
    stage().sh("cp man/wfworker-acme-hello.7 ../before.7; make -s man-page; cmp man/wfworker-acme-hello.7 ../before.7", "acme-hello")


@case
def listings_in_c():
    """every listing in C compiles without a warning, in C99 and in C11"""
    prelude = "#define WFW_ABI_MINOR 0\n#include <wfworker/plugin.h>\n"
    around = prelude + """static const struct wfw_host *host;
static void on_answer(void *arg, struct wfw_task *task, const struct wfw_http_response *response)
{
    (void)arg, (void)response;
    host->done(task, NULL, NULL);
}
void body(struct wfw_task *task, const struct wfw_call *call);
void body(struct wfw_task *task, const struct wfw_call *call)
{
    wfw_http_fn unused = on_answer;
    (void)unused, (void)task, (void)call;
%s}
"""
    count = 0
    for language, body, text in blocks("plugins.md"):
        if language != "c":
            continue
        count += 1
        with open("listing%d.c" % count, "w") as f:
            f.write(around % text if body else text)
        for standard in ("c99", "c11"):
            is_("", stage().sh("cc -std=%s -Wall -Wextra -Werror -fPIC $(pkg-config --cflags wfworker-plugin) -c listing%d.c -o x.o"
                               % (standard, count)))
    is_(5, count)


@case
def whole_plugin():
    """the whole plugin of the page is built as pkg-config says, and runs"""
    stage().sh("cc $(pkg-config --cflags wfworker-plugin) $(pkg-config --variable=moduleflags wfworker-plugin) listing1.c -o greet.so")
    is_('{"outcome":"done","output":{"greeting":"Ada"}}\n',
        stage().sh("chmod go-w greet.so; wfworker plugin run ./greet.so --config '{\"name\":\"Ada\"}' --json"))


@case
def other_listings():
    """JSON of the pages is JSON, and sections are taken by wfworker"""
    kinds = []
    for page in ("plugins.md", "plugin-files.md"):
        for language, _, text in blocks(page):
            kinds.append(language)
            if language == "json":
                json.loads(text)
            if language == "ini":
                with open("listing.conf", "w") as f:
                    f.write(text)
                assert "always" in stage().sh("wfworker plugin inspect --config listing.conf acme-hello --json"), text
    is_({"sh", "c", "json", "ini"}, set(kinds))


@case
def several_nodes():
    """a project with two node types, another licence and the author as given"""
    stage().sh("wfworker plugin new two-things --node acme.one --node acme.two --license MIT --author 'Bo B <bo@example.org>'"
               " --summary 'Two things'")
    said = stage().sh("./configure -q && make -s && make -s check && wfworker plugin inspect --json .libs/two-things.so", "two-things")
    plugin = json.loads(said[said.index("\n{\n"):])
    is_(["acme.one", "acme.two"], plugin["node_types"])
    is_(("MIT", "acme", "Two things"), (plugin["license"], plugin["vendor"], plugin["summary"]))
    with open("two-things/debian/copyright") as f:
        text = f.read()
    assert "Copyright: 2026 Bo B <bo@example.org>\nLicense: MIT\n" in text and " Permission is hereby granted" in text, text


@case
def distribution():
    """make distcheck: the project builds and tests from what it distributes, elsewhere, with read-only sources"""
    said = stage().sh("make -s distcheck", "acme-hello")
    assert "acme-hello-0.1.0 archives ready for distribution" in said, said[-3000:]


@case
def debian_package():
    """dpkg-buildpackage makes a package of a new project, of which lintian has nothing to say"""
    if not shutil.which("dpkg-buildpackage") or not shutil.which("dh") or not shutil.which("lintian"):
        print("# left out: dpkg-buildpackage, debhelper or lintian is not there")
        return
    pc = stage().environment["PKG_CONFIG_PATH"]
    shutil.copytree(pc, "pc")
    with open("pc/wfworker-plugin.pc") as f:
        text = f.read()
    with open("pc/wfworker-plugin.pc", "w") as f: # as the packages have it, not where this test has installed it
        f.write(re.sub("(?m)^plugindir=.*", "plugindir=/usr/lib/wfworker/abi1", text))
    stage().sh("wfworker plugin new acme-packed")
    stage().sh("PKG_CONFIG_PATH=%s dpkg-buildpackage -b -us -uc -d" % os.path.abspath("pc"), "acme-packed")
    files = stage().sh("dpkg-deb -c wfworker-plugin-acme-packed_0.1.0_*.deb")
    for name in ("./usr/lib/wfworker/abi1/acme-packed.so", "./usr/share/man/man7/wfworker-acme-packed.7.gz",
                 "./usr/share/doc/wfworker-plugin-acme-packed/README.md"):
        assert name in files, files
    is_("", stage().sh("lintian --allow-root --fail-on none wfworker-plugin-acme-packed_*.changes 2>/dev/null"))


if __name__ == "__main__":
    skip_unless_possible("cmocka")
    main()
