/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"

void output_init(struct output *o, int fd, const char *plugin)
{
    *o = (struct output){.fd = fd, .plugin = plugin};
}

void output_call(struct output *o, const char *node, const char *execution)
{
    o->node = node;
    o->execution = execution;
    o->bytes = 0;
    o->last[0] = '\0';
}

static void say_dropped(struct output *o)
{
    if (o->dropped)
        log_write(LOG_WARNING, "a plugin writes too much; lines were dropped", LOG_STR("plugin", o->plugin),
                  LOG_INT("lines", o->dropped));
    o->dropped = 0;
}

bool output_may_log(struct output *o)
{
    int64_t now = clock_mono_us();
    if (now - o->second_us >= US_PER_S) {
        say_dropped(o);
        o->second_us = now;
        o->lines = 0;
    }
    if (o->lines++ < OUTPUT_LINES)
        return true;
    o->dropped++;
    return false;
}

static void say(struct output *o)
{
    if (!output_may_log(o))
        return;
    log_write(LOG_INFO, "a plugin writes", LOG_STR("text", o->last), LOG_STR("plugin", o->plugin),
              {.name = o->node ? "node" : NULL, .text = o->node}, {.name = "execution", .text = o->execution});
}

void output_end_line(struct output *o)
{
    o->line[o->len] = '\0';
    if (o->len > 0 && o->line[o->len - 1] == '\r')
        o->line[o->len - 1] = '\0';
    o->len = 0;
    utf8_mend(o->line);
    if (!o->line[0])
        return;
    memcpy(o->last, o->line, sizeof o->last);
    say(o);
}

static void take(struct output *o, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n')
            output_end_line(o);
        else if (o->len < OUTPUT_LINE)
            o->line[o->len++] = data[i] ? data[i] : '?';
    }
}

bool output_drain(struct output *o, size_t most)
{
    char block[16384];
    for (size_t done = 0; o->fd >= 0 && done < most;) {
        ssize_t n = read(o->fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0)
            return false;
        o->bytes += (uint64_t)n;
        done += (size_t)n;
        take(o, block, (size_t)n);
    }
    return o->fd >= 0;
}

void output_close(struct output *o)
{
    output_end_line(o);
    say_dropped(o);
    if (o->fd >= 0)
        close(o->fd);
    o->fd = -1;
}
