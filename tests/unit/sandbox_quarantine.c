/* SPDX-License-Identifier: Apache-2.0 */
/* Quarantines by a clock that the test moves, and the files in which others see them. */
#include "unit/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/quarantine.h"
#include "sandbox/quarantine_file.h"

#define START_US INT64_C(1767225600000000) /* 2026-01-01 */
#define CAUSE "the handler of node type acme.bad crashed with signal 11 (SIGSEGV)"

static char *dir, *file;

static int set_up(void **state)
{
    char name[] = "/tmp/wfw-quarantine-XXXXXX";
    (void)state;
    log_setup(LOG_TEXT, LOG_ERROR);
    dir = mkdtemp(name) ? xstrdup(name) : NULL;
    file = dir ? quarantine_file_name(dir, "acme.bad") : NULL;
    setenv("RUNTIME_DIRECTORY", dir, 1);
    unsetenv("XDG_RUNTIME_DIR"); /* it may be one that is closed to others, as when packages are built */
    return dir ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file);
    int rc = rmdir(dir); /* nothing else may be left in it */
    free(file);
    free(dir);
    return rc;
}

static void expect_runs(struct quarantine *q, int64_t now_us)
{
    struct quarantine_words w;
    assert_int_equal(quarantine_ask(q, now_us, &w), QUARANTINE_RUN);
}

static void expect_refused(struct quarantine *q, int64_t now_us, const char *message, int64_t retry_after_ms)
{
    struct quarantine_words w;
    assert_int_equal(quarantine_ask(q, now_us, &w), QUARANTINE_REFUSE);
    assert_string_equal(w.message, message);
    assert_int_equal(w.retry_after_ms, retry_after_ms);
}

static void expect_length(const struct quarantine *q, int64_t us)
{
    struct quarantine_state s;
    quarantine_look(q, &s);
    assert_true(s.quarantined);
    assert_int_equal(s.until_us - s.since_us, us);
}

/* Crash until it begins: one call at a time, a second apart.  Returns when. */
static int64_t crash(struct quarantine *q, int64_t now_us)
{
    for (int i = 1; i < QUARANTINE_CRASHES; i++, now_us += US_PER_S) {
        expect_runs(q, now_us);
        assert_false(quarantine_crashed(q, now_us, CAUSE));
    }
    expect_runs(q, now_us);
    assert_true(quarantine_crashed(q, now_us, CAUSE));
    return now_us;
}

static void begins(void **state)
{
    struct quarantine *q = quarantine_new("acme.bad", NULL, START_US);
    struct quarantine_state s;
    (void)state;
    assert_int_equal(quarantine_count(), 0);
    int64_t at = crash(q, START_US);
    expect_length(q, 30 * US_PER_S);
    expect_refused(q, at, "node type \"acme.bad\" is quarantined until 2026-01-01T00:00:39.000Z after 10 crashes; the last one: " CAUSE,
                   30000);
    expect_refused(q, at + 29 * US_PER_S + 1,
                   "node type \"acme.bad\" is quarantined until 2026-01-01T00:00:39.000Z after 10 crashes; the last one: " CAUSE, 1000);
    assert_false(quarantine_crashed(q, at, CAUSE)); /* of a call that had begun before */
    assert_int_equal(quarantine_count(), 1);
    assert_string_equal(quarantine_nth(0, &s), "acme.bad");
    assert_string_equal(s.cause, CAUSE);
    assert_null(quarantine_nth(1, &s));
    quarantine_free(q);
    assert_int_equal(quarantine_count(), 0);
}

/* A bad input here and there costs the good calls nothing. */
static void only_crashes_in_a_row_count(void **state)
{
    struct quarantine *q = quarantine_new("acme.bad", NULL, START_US);
    int64_t now = START_US;
    (void)state;
    for (int i = 1; i <= 50 * (QUARANTINE_CRASHES - 1); i++, now++) {
        expect_runs(q, now);
        assert_false(quarantine_crashed(q, now, CAUSE));
        if (i % (QUARANTINE_CRASHES - 1) == 0)
            quarantine_came_back(q, now);
    }
    crash(q, now);
    quarantine_free(q);
}

static void slow_crashes_are_borne(void **state)
{
    struct quarantine *q = quarantine_new("acme.bad", NULL, START_US);
    int64_t now = START_US;
    (void)state;
    for (int i = 0; i < 50; i++, now += QUARANTINE_WITHIN_US + 1)
        assert_false(quarantine_crashed(q, now, CAUSE));
    now -= QUARANTINE_WITHIN_US + 1;
    for (int i = 2; i < QUARANTINE_CRASHES; i++)
        assert_false(quarantine_crashed(q, now += QUARANTINE_WITHIN_US, CAUSE));
    assert_true(quarantine_crashed(q, now + QUARANTINE_WITHIN_US, CAUSE));
    quarantine_free(q);
}

static void one_tries(void **state)
{
    struct quarantine *q = quarantine_new("acme.bad", NULL, START_US);
    struct quarantine_words w;
    (void)state;
    int64_t at = crash(q, START_US) + 30 * US_PER_S;
    assert_int_equal(quarantine_ask(q, at, &w), QUARANTINE_TRY);
    expect_refused(q, at + 1, "node type \"acme.bad\" is quarantined until 2026-01-01T00:00:39.000Z after 10 crashes; the last one: " CAUSE,
                   QUARANTINE_TRIAL_MS);
    quarantine_undecided(q);
    assert_int_equal(quarantine_ask(q, at, &w), QUARANTINE_TRY);
    quarantine_came_back(q, at);
    expect_runs(q, at);
    assert_int_equal(quarantine_count(), 0);
    quarantine_free(q);
}

static void doubles(void **state)
{
    struct quarantine *q = quarantine_new("acme.bad", NULL, START_US);
    struct quarantine_words w;
    (void)state;
    int64_t at = crash(q, START_US), length = QUARANTINE_FIRST_US;
    for (int i = 0; i < 10; i++) {
        expect_length(q, length);
        at += length;
        assert_int_equal(quarantine_ask(q, at, &w), QUARANTINE_TRY);
        assert_true(quarantine_crashed(q, at, CAUSE));
        length = length * 2 < QUARANTINE_LONGEST_US ? length * 2 : QUARANTINE_LONGEST_US;
    }
    expect_length(q, QUARANTINE_LONGEST_US);
    expect_refused(q, at, "node type \"acme.bad\" is quarantined until 2026-01-01T03:01:39.000Z after 20 crashes; the last one: " CAUSE,
                   QUARANTINE_LONGEST_US / US_PER_MS);
    quarantine_free(q);
}

static void memory_of_the_last(void **state)
{
    struct quarantine *q = quarantine_new("acme.bad", NULL, START_US);
    struct quarantine_words w;
    (void)state;
    int64_t at = crash(q, START_US) + 30 * US_PER_S;
    assert_int_equal(quarantine_ask(q, at, &w), QUARANTINE_TRY);
    quarantine_came_back(q, at);
    at = crash(q, at + US_PER_S) + 60 * US_PER_S;
    expect_length(q, 2 * QUARANTINE_FIRST_US); /* soon after */
    assert_int_equal(quarantine_ask(q, at, &w), QUARANTINE_TRY);
    quarantine_came_back(q, at);
    crash(q, at + QUARANTINE_MEMORY_US);
    expect_length(q, QUARANTINE_FIRST_US); /* long after */
    quarantine_free(q);
}

/* ---- Files ---- */

static void seen_by_others(void **state)
{
    struct quarantine *q = quarantine_new("acme.bad", quarantine_directory(), START_US);
    struct quarantine_state s;
    struct quarantine_words w;
    struct stat st;
    (void)state;
    assert_string_equal(quarantine_directory(), dir);
    assert_false(quarantine_seen("acme.bad", &s));
    int64_t at = crash(q, START_US);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_true(quarantine_seen("acme.bad", &s));
    assert_int_equal(s.since_us, at);
    assert_int_equal(s.until_us, at + QUARANTINE_FIRST_US);
    assert_int_equal(s.crashes, 10);
    assert_string_equal(s.cause, CAUSE);
    assert_int_equal(quarantine_ask(q, s.until_us, &w), QUARANTINE_TRY);
    quarantine_came_back(q, s.until_us);
    assert_false(quarantine_seen("acme.bad", &s));
    quarantine_free(q);
}

static void survives_a_restart(void **state)
{
    struct quarantine *q = quarantine_new("acme.bad", dir, START_US);
    (void)state;
    int64_t at = crash(q, START_US);
    quarantine_free(q);
    q = quarantine_new("acme.bad", dir, at + US_PER_S);
    expect_refused(q, at + US_PER_S,
                   "node type \"acme.bad\" is quarantined until 2026-01-01T00:00:39.000Z after 10 crashes; the last one: " CAUSE, 29000);
    struct quarantine_words w;
    at += QUARANTINE_FIRST_US;
    assert_int_equal(quarantine_ask(q, at, &w), QUARANTINE_TRY);
    assert_true(quarantine_crashed(q, at, CAUSE));
    expect_length(q, 2 * QUARANTINE_FIRST_US);
    quarantine_free(q);
    q = quarantine_new("acme.bad", dir, at + 2 * QUARANTINE_FIRST_US); /* its time is over */
    expect_runs(q, at + 2 * QUARANTINE_FIRST_US);
    assert_false(quarantine_file_there(file));
    quarantine_free(q);
}

static void is_released(void **state)
{
    struct quarantine *q = quarantine_new("acme.bad", dir, START_US);
    struct error e = ERROR_INIT;
    (void)state;
    int64_t at = crash(q, START_US);
    assert_int_equal(quarantine_release("acme.bad", &e), 1);
    assert_int_equal(quarantine_release("acme.bad", &e), 0);
    expect_runs(q, at);
    assert_int_equal(quarantine_count(), 0);
    crash(q, at + US_PER_S);
    expect_length(q, QUARANTINE_FIRST_US); /* from the beginning */
    quarantine_free(q);
}

static void put_file(const char *text, mode_t mode)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(file, mode), 0);
}

#define GOOD "{\"node_type\":\"acme.bad\",\"since_us\":1767225600000000,\"until_us\":1767225630000000,\"crashes\":5,\"cause\":\"it crashed\"}"

static void doubtful_files(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{\"since_us\":1,\"until_us\":2,\"crashes\":5}",
        "{\"since_us\":5,\"until_us\":2,\"crashes\":5,\"cause\":\"x\"}",
        "{\"since_us\":1767225600000000,\"until_us\":9767225630000000,\"crashes\":5,\"cause\":\"for ever\"}",
        "{\"since_us\":1,\"until_us\":2,\"crashes\":-5,\"cause\":\"x\"}",
    };
    struct quarantine_state s;
    (void)state;
    put_file(GOOD, 0644);
    assert_true(quarantine_seen("acme.bad", &s));
    put_file(GOOD, 0666);
    assert_false(quarantine_seen("acme.bad", &s));
    put_file(GOOD, 0664);
    assert_false(quarantine_seen("acme.bad", &s));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        put_file(wrong[i], 0644);
        assert_false(quarantine_seen("acme.bad", &s));
    }
    put_file(GOOD, 0644);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_false(quarantine_seen("acme.bad", &s));
    assert_int_equal(chmod(dir, 0755), 0);
    struct quarantine *q = quarantine_new("acme.bad", dir, START_US);
    expect_length(q, QUARANTINE_FIRST_US);
    quarantine_free(q);
}

/* ---- What is logged ---- */

static char *logged; /* the last line, and the text of its last field */

static void see_log(enum log_level level, const char *message, const struct log_field *fields)
{
    const char *text = "";
    (void)level;
    for (const struct log_field *f = fields; f->name; f++)
        text = f->text ? f->text : text;
    free(logged);
    logged = xasprintf("%s|%s", message, text);
}

static void expect_logged(const char *line)
{
    assert_string_equal(logged, line);
    free(STEAL(logged));
}

static void what_is_logged(void **state)
{
    const struct quarantine_state s = {.quarantined = true, .since_us = START_US, .until_us = START_US + US_PER_S, .crashes = 10, .cause = CAUSE};
    struct quarantine_state seen;
    struct quarantine_words w;
    CLEANUP_FREE char *nowhere = xasprintf("%s/none/acme.bad.quarantine", dir);
    (void)state;
    log_divert(see_log);
    log_setup(LOG_TEXT, LOG_INFO);
    put_file(GOOD, 0644);
    struct quarantine *q = quarantine_new("acme.bad", dir, START_US);
    expect_logged("a node type is still in quarantine|it crashed");
    assert_int_equal(quarantine_ask(q, START_US + QUARANTINE_FIRST_US, &w), QUARANTINE_TRY);
    quarantine_came_back(q, START_US + QUARANTINE_FIRST_US);
    expect_logged("a node type's quarantine is over|a call came back");
    crash(q, START_US);
    expect_logged("a node type is quarantined: its helper processes keep crashing|wfworker plugin release ends it");
    assert_int_equal(unlink(file), 0);
    expect_runs(q, START_US);
    expect_logged("a node type's quarantine is over|it was released");
    quarantine_free(q);
    put_file(GOOD, 0666);
    assert_false(quarantine_file_read(file, false, &seen));
    CLEANUP_FREE char *doubtful = xasprintf("a file about a quarantine is not believed: others may write it|%s", file);
    expect_logged(doubtful);
    assert_false(quarantine_file_write(nowhere, "acme.bad", &s));
    expect_logged("a quarantine cannot be written down: other processes do not see it|No such file or directory");
    quarantine_file_remove("/");
    expect_logged("a quarantine's file cannot be removed|Is a directory");
    log_setup(LOG_TEXT, LOG_ERROR);
    log_divert(NULL);
}

/* ---- As somebody else ---- */

/* In a child, as nobody when this is root: what is hidden from it, and what it is told when it tries.  0: all as it should be. */
static int stranger(const char *hidden)
{
    struct error e = ERROR_INIT;
    struct quarantine_state s;
    if (geteuid() == 0 && setuid(65534) != 0)
        return 2;
    CLEANUP_FREE char *seen = quarantine_hidden();
    if (!hidden)
        return !seen && quarantine_seen("acme.bad", &s) ? 0 : 3;
    CLEANUP_FREE char *text = xasprintf("the file %s/acme.bad.quarantine cannot be removed: Permission denied", hidden);
    if (!seen || strcmp(seen, hidden) != 0 || quarantine_seen("acme.bad", &s))
        return 4;
    return quarantine_release("acme.bad", &e) == -1 && strcmp(e.message, text) == 0 &&
                   strcmp(e.hint, "run this as root or as the user of the workers") == 0
               ? 0
               : 5;
}

static void expect_stranger(const char *hidden)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(stranger(hidden));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* As the service has it: systemd's DynamicUser makes DIRECTORY a link to private/DIRECTORY, and private is for root alone.  Who is not
 * root has his own directory closed instead. */
static void what_a_stranger_may_not_see(void **state)
{
    (void)state;
    CLEANUP_FREE char *private = xasprintf("%s/private", dir), *real = xasprintf("%s/private/wfworker", dir), *link = xasprintf("%s/wfworker", dir);
    CLEANUP_FREE char *mine = quarantine_file_name(real, "acme.bad");
    const struct quarantine_state s = {.quarantined = true, .since_us = START_US, .until_us = START_US + 1, .crashes = 10, .cause = CAUSE};
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(mkdir(private, 0755), 0);
    assert_int_equal(mkdir(real, 0755), 0);
    assert_int_equal(symlink("private/wfworker", link), 0);
    assert_true(quarantine_file_write(mine, "acme.bad", &s));
    if (geteuid() == 0) { /* the service's user is neither root nor the stranger */
        assert_int_equal(chown(mine, 61999, 61999), 0);
        assert_int_equal(chown(real, 61999, 61999), 0);
    }
    setenv("RUNTIME_DIRECTORY", link, 1);
    expect_stranger(NULL);
    assert_int_equal(chmod(private, geteuid() == 0 ? 0700 : 0), 0);
    expect_stranger(link);
    struct quarantine_state seen;
    CLEANUP_FREE char *hidden = quarantine_hidden();
    assert_int_equal(hidden == NULL, geteuid() == 0);
    assert_int_equal(quarantine_seen("acme.bad", &seen), geteuid() == 0);
    setenv("RUNTIME_DIRECTORY", dir, 1);
    assert_int_equal(chmod(private, 0700), 0);
    assert_int_equal(unlink(mine), 0);
    assert_int_equal(rmdir(real), 0);
    assert_int_equal(rmdir(private), 0);
    assert_int_equal(unlink(link), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins),         cmocka_unit_test(slow_crashes_are_borne),
        cmocka_unit_test(only_crashes_in_a_row_count), cmocka_unit_test(one_tries),
        cmocka_unit_test(doubles),        cmocka_unit_test(memory_of_the_last),     cmocka_unit_test(seen_by_others),
        cmocka_unit_test(survives_a_restart), cmocka_unit_test(is_released),        cmocka_unit_test(doubtful_files),
        cmocka_unit_test(what_is_logged),
        cmocka_unit_test(what_a_stranger_may_not_see),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
