/* SPDX-License-Identifier: Apache-2.0 */
/* One time for all workers: the database's.  What is due is decided by the server's clock and by the times in the states, which
 * workers write; a worker whose clock is an hour behind would find that nothing of what the server gives it is due, and put it
 * off for an hour. */
#include "config.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/core.h"

#define TOLERANCE_US (100 * US_PER_MS)
#define WORTH_A_LINE_US US_PER_S

/* The server said server_us at some moment between the two, by the monotonic clock. */
void time_said(int64_t server_us, int64_t asked_us, int64_t answered_us)
{
    int64_t took = answered_us - asked_us, tolerance = took > TOLERANCE_US ? took : TOLERANCE_US;
    int64_t server_now = server_us + took / 2 + (clock_mono_us() - answered_us);
    int64_t ahead = server_now - clock_now_us();
    if (ahead >= -tolerance && ahead <= tolerance) {
        if (!clock_follows())
            clock_follow(clock_now_us());
        return;
    }
    if (ahead < -WORTH_A_LINE_US || ahead > WORTH_A_LINE_US)
        log_write(LOG_WARNING, "the clock of this machine is wrong, going by the database's", LOG_INT("server_ahead_ms", ahead / US_PER_MS));
    clock_follow(server_now);
}
