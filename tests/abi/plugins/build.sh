#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How the kept plugins were made.  Not run by the build: what is compiled stays as it is; a new minor adds files beside them.
# build.sh DIRECTORY [INCLUDE]: from kept.c in this directory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1 include=${2:-$here/../../../include}
flags="-O2 -fPIC -shared -fvisibility=hidden -Wall -Wextra -pedantic-errors -Werror -Wl,-z,defs -Wl,-z,noseparate-code -Wl,--build-id=none -s -I$include"
gcc -std=c99 -D_GNU_SOURCE -DNAME='"kept_gcc"' $flags "$here/kept.c" -o "$out/kept_gcc.so"
clang -std=c99 -D_GNU_SOURCE -DNAME='"kept_clang"' $flags "$here/kept.c" -o "$out/kept_clang.so"
g++ -std=c++11 -DNAME='"kept_cxx"' $flags -x c++ "$here/kept.c" -o "$out/kept_cxx.so" -nodefaultlibs -lc
tail="-std=c99 -D_GNU_SOURCE -DTAIL"
gcc $tail -DTAIL_NODE=0 -DTAIL_PLUGIN=0 -DNAME='"kept_longer"' $flags "$here/kept.c" -o "$out/kept_longer.so"
gcc $tail -DTAIL_NODE=1 -DTAIL_PLUGIN=0 -DNAME='"kept_node_tail"' $flags "$here/kept.c" -o "$out/kept_node_tail.so"
gcc $tail -DTAIL_NODE=0 -DTAIL_PLUGIN=1 -DNAME='"kept_plugin_tail"' $flags "$here/kept.c" -o "$out/kept_plugin_tail.so"
