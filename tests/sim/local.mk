# SPDX-License-Identifier: Apache-2.0
# The simulation: `make sim SEEDS=1:1000000`; one seed: tests/sim/wfw-sim --seed N --trace.
SIM_SOURCES = tests/sim/asks.c tests/sim/faults.c tests/sim/graph.c tests/sim/handlers.c tests/sim/judge.c tests/sim/loose.c tests/sim/main.c tests/sim/oracle.c \
  tests/sim/recovery.c tests/sim/rounds.c tests/sim/scopes.c tests/sim/sim.h tests/sim/world.c
SIM_PLUGIN = plugins/control/control.h plugins/control/jump.c plugins/control/loop.c plugins/control/loop.h \
  plugins/control/loop_plan.c plugins/control/try.c plugins/common/wait.c plugins/common/wait.h
EXTRA_DIST += tests/sim/sim_test.sh
SEEDS = 1:20000
if WITH_TESTS
check_PROGRAMS += tests/sim/wfw-sim
TESTS += tests/sim/sim_test.sh
tests_sim_wfw_sim_SOURCES = $(SIM_SOURCES) $(SIM_PLUGIN)
tests_sim_wfw_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins
tests_sim_wfw_sim_LDADD = src/engine/libengine.la src/expr/libexpr.la src/base/libbase.la $(UNIT_LDADD)
sim: tests/sim/wfw-sim
	tests/sim/wfw-sim --seeds $(SEEDS)
endif
.PHONY: sim
tests/sim/sim_test.log: tests/sim/wfw-sim
