/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a process: what was printed is written whichever way, and what libraries registered runs only where no thread was
 * left behind that may be using them. */
#include "test.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/leave.h"

static void clean_up(void)
{
    static const char text[] = "cleaned up";
    if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
        _exit(99);
}

static void *another_thread(void *arg)
{
    leave_behind();
    return arg;
}

/* The child of a test: prints into a pipe, without flushing, and leaves as main() does. */
static void child(int out, bool behind)
{
    pthread_t thread;
    dup2(out, STDOUT_FILENO);
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    if (atexit(clean_up) != 0)
        _exit(98);
    fputs("printed ", stdout);
    if (behind && (pthread_create(&thread, NULL, another_thread, NULL) != 0 || pthread_join(thread, NULL) != 0))
        _exit(97);
    exit(leave(7));
}

static void check(bool behind, const char *expected)
{
    int ends[2], status = 0;
    char text[100] = "";
    size_t len = 0;
    fflush(NULL); /* or the child prints it, too */
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child(ends[1], behind);
    }
    close(ends[1]);
    for (ssize_t n = 1; n > 0 && len < sizeof text - 1; len += n > 0 ? (size_t)n : 0)
        n = read(ends[0], text + len, sizeof text - 1 - len);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_string_equal(text, expected);
}

static void without_threads_the_process_ends_as_usual(void **state)
{
    (void)state;
    check(false, "printed cleaned up");
}

static void with_threads_left_behind_nothing_is_cleaned_up(void **state)
{
    (void)state;
    check(true, "printed ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_threads_the_process_ends_as_usual),
        cmocka_unit_test(with_threads_left_behind_nothing_is_cleaned_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
