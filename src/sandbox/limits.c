/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the keys, and what the system calls its limits. */
#include "sandbox/limits.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/setting_value.h"

#define KIB 1024.0
#define MIB (1024 * KIB)
#define MAX_TASKS 100000 /* processes of the system that are looked at */

enum key { MEMORY, CPU, DESCRIPTORS, PROCESSES, OUTPUT, SANDBOX, NETWORK, KEYS };

const char *const limits_keys[KEYS + 1] = {"limit_memory", "limit_cpu", "limit_descriptors", "limit_processes",
                                           "limit_output", "sandbox",   "network",           NULL};

/* 0 is "no limit" where no_limit says so; otherwise it is in the rule's range. */
static const struct rule {
    struct setting_rule rule;
    bool no_limit;
} rules[KEYS] = {
    [MEMORY] = {{VALUE_SIZE, 16 * MIB, 1024 * 1024 * MIB, NULL}, true},
    [CPU] = {{VALUE_DURATION, 1000, 86400000, NULL}, true},
    [DESCRIPTORS] = {{VALUE_INTEGER, 32, 65536, NULL}, false},
    [PROCESSES] = {{VALUE_INTEGER, 0, 4096, NULL}, false},
    [OUTPUT] = {{VALUE_SIZE, KIB, 1024 * MIB, NULL}, true},
    [SANDBOX] = {{VALUE_BOOLEAN, 0, 0, NULL}, false},
    [NETWORK] = {{VALUE_BOOLEAN, 0, 0, NULL}, false},
};

void limits_defaults(struct limits *l)
{
    *l = (struct limits){.memory = (uint64_t)(512 * MIB),
                         .cpu_ms = 60000,
                         .descriptors = 256,
                         .processes = 0,
                         .output = (uint64_t)(16 * MIB),
                         .sandbox = true,
                         .network = true};
}

static double get(const struct limits *l, enum key key)
{
    switch (key) {
    case MEMORY:
        return (double)l->memory;
    case CPU:
        return (double)l->cpu_ms;
    case DESCRIPTORS:
        return l->descriptors;
    case PROCESSES:
        return l->processes;
    case OUTPUT:
        return (double)l->output;
    case SANDBOX:
        return l->sandbox;
    default:
        return l->network;
    }
}

static void set(struct limits *l, enum key key, double value)
{
    switch (key) {
    case MEMORY:
        l->memory = (uint64_t)value;
        break;
    case CPU:
        l->cpu_ms = (int64_t)value;
        break;
    case DESCRIPTORS:
        l->descriptors = (uint32_t)value;
        break;
    case PROCESSES:
        l->processes = (uint32_t)value;
        break;
    case OUTPUT:
        l->output = (uint64_t)value;
        break;
    case SANDBOX:
        l->sandbox = value > 0;
        break;
    default:
        l->network = value > 0;
    }
}

/* 0 as it is written for a limit: "0" without a unit, or "none". */
static bool means_no_limit(const char *text)
{
    return strcmp(text, "0") == 0 || strcmp(text, "none") == 0;
}

static int read_key(enum key key, const char *text, struct limits *l, struct error *e)
{
    CLEANUP_BUF struct buf expected = BUF_INIT;
    double value = 0;
    if (!(rules[key].no_limit && means_no_limit(text)) && setting_parse(&rules[key].rule, text, &value) != 0) {
        setting_expected(&rules[key].rule, &expected);
        if (rules[key].no_limit)
            buf_addstr(&expected, ", or none");
        return err_set(e, "%s = \"%.80s\": must be %s", limits_keys[key], text, expected.data);
    }
    set(l, key, value);
    return 0;
}

int limits_read(const json_t *section, struct limits *l, struct error *e)
{
    for (enum key key = 0; key < KEYS; key++) {
        const char *text = section ? js_str(section, limits_keys[key]) : NULL;
        if (text && read_key(key, text, l, e) != 0)
            return -1;
    }
    if (!l->network && !l->sandbox)
        return err_set(e, "network = no needs sandbox = on");
    return 0;
}

void limits_format(const struct limits *l, const char *key, struct buf *out)
{
    for (enum key k = 0; k < KEYS; k++) {
        if (strcmp(limits_keys[k], key) != 0)
            continue;
        double value = get(l, k);
        if (rules[k].no_limit && value <= 0)
            buf_addstr(out, "none");
        else
            setting_format(&rules[k].rule, value, out);
    }
}

/* ---- On the process ---- */

/* Soft and hard; never more than the hard limit that is there. */
static int limit(int what, const char *name, rlim_t soft, rlim_t hard, struct error *e)
{
    struct rlimit r;
    if (getrlimit(what, &r) == 0) {
        r.rlim_max = r.rlim_max == RLIM_INFINITY || hard < r.rlim_max ? hard : r.rlim_max;
        r.rlim_cur = soft < r.rlim_max ? soft : r.rlim_max;
        if (setrlimit(what, &r) == 0)
            return 0;
    }
    return err_set(e, "%s cannot be set to %llu: %s", name, (unsigned long long)soft, strerror(errno));
}

/* What this user has: the threads of his processes, as far as they can be seen. */
static rlim_t tasks_of_user(void)
{
    rlim_t count = 0;
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    for (int i = 0; proc && i < MAX_TASKS && (entry = readdir(proc)) != NULL; i++) {
        char path[64];
        struct stat st;
        if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name) || strlen(entry->d_name) > 10)
            continue;
        snprintf(path, sizeof path, "/proc/%.10s/task", entry->d_name);
        if (stat(path, &st) == 0 && st.st_uid == getuid() && st.st_nlink > 2)
            count += st.st_nlink - 2; /* one directory for each thread */
    }
    if (proc)
        closedir(proc);
    return count;
}

static int limit_processes(const struct limits *l, struct error *e)
{
    if (l->processes == 0)
        return 0; /* seccomp refuses them: RLIMIT_NPROC would count threads, too, and nothing of root's */
    rlim_t most = tasks_of_user() + l->processes;
    return limit(RLIMIT_NPROC, "limit_processes", most, most, e);
}

/* Past the soft limit comes SIGXCPU, which may be caught; past the hard one, SIGKILL. */
static int limit_processor_time(const struct limits *l, struct error *e)
{
    rlim_t seconds = (rlim_t)((l->cpu_ms + 999) / 1000);
    return l->cpu_ms ? limit(RLIMIT_CPU, "limit_cpu", seconds, seconds + 2, e) : 0;
}

int limits_apply(const struct limits *l, struct limits_how how, struct error *e)
{
    if (limit(RLIMIT_CORE, "RLIMIT_CORE", 0, 0, e) != 0 ||
        limit(RLIMIT_NOFILE, "limit_descriptors", l->descriptors, l->descriptors, e) != 0 || limit_processes(l, e) != 0 ||
        (how.processor_time && limit_processor_time(l, e) != 0))
        return -1;
    if (l->memory && !LIMITS_SHADOWED && limit(RLIMIT_DATA, "limit_memory", l->memory, l->memory, e) != 0)
        return -1;
    if (!l->sandbox)
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_set(e, "no_new_privs cannot be set: %s", strerror(errno));
    return seccomp_apply(l, how.program, e);
}
