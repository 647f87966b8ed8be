/* SPDX-License-Identifier: Apache-2.0 */
/* The process in which a jq program runs.  jq programs may loop for ever, take all memory, read files and the environment,
 * and libjq cannot be stopped from outside; so each run has a process of its own, without environment and files, with
 * limits on time and memory, which the plugin kills when the node is cancelled.
 *
 * Standard input: {"filter": text, "input": value, "args": {name: value}, "seconds": CPU time}.
 * Standard output: a line "=JSON" for each result, and at the end "." or one line "!TYPE text". */
#include <jq.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define ERROR_SIZE 1024
#define MEMORY ((rlim_t)1024 * 1024 * 1024)
#define MAX_REQUEST ((size_t)256 * 1024 * 1024)

/* Sanitizers keep a shadow of all memory: with a limit of the address space they do not run. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SHADOWED 1
#elif defined __has_feature
#define SHADOWED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SHADOWED 0
#endif

static void limit(int what, rlim_t most)
{
    setrlimit(what, &(struct rlimit){most, most});
}

static void set_limits(double seconds)
{
    limit(RLIMIT_CPU, (rlim_t)seconds);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, 3); /* no further file */
#if !SHADOWED
    limit(RLIMIT_AS, MEMORY);
#endif
}

static char *read_all(size_t *len)
{
    size_t cap = 1 << 16;
    char *text = malloc(cap);
    *len = 0;
    for (size_t n; text && (n = fread(text + *len, 1, cap - *len, stdin)) > 0;) {
        *len += n;
        if (*len < cap)
            continue;
        char *longer = cap < MAX_REQUEST ? realloc(text, cap *= 2) : NULL;
        if (!longer)
            free(text);
        text = longer;
    }
    return text;
}

/* One line: line ends and other control characters become spaces. */
static void print_error(const char *type, const char *text)
{
    printf("!%s ", type);
    for (const char *p = text; *p; p++)
        putchar((unsigned char)*p < ' ' ? ' ' : *p);
    putchar('\n');
}

static void cut_out(char *text, const char *part)
{
    char *at = strstr(text, part);
    if (at)
        memmove(at, at + strlen(part), strlen(at + strlen(part)) + 1);
}

/* libjq calls this for each compile error and then with their number; the first one says the most.  Its first line ends
 * with the number of the line; what is meant for users of the command line is left out. */
static void on_error(void *arg, jv message)
{
    char *first = arg;
    if (!*first && jv_get_kind(message) == JV_KIND_STRING) {
        snprintf(first, ERROR_SIZE, "%s", jv_string_value(message));
        first[strcspn(first, "\n")] = '\0';
        cut_out(first, "jq: error: ");
        cut_out(first, " (Unix shell quoting issues?)");
        cut_out(first, " at <top-level>");
        size_t len = strlen(first);
        if (len && first[len - 1] == ':')
            first[len - 1] = '\0';
    }
    jv_free(message);
}

static int print_results(jq_state *jq)
{
    for (;;) {
        jv v = jq_next(jq);
        if (jv_is_valid(v)) {
            jv text = jv_dump_string(v, 0);
            printf("=%s\n", jv_string_value(text));
            jv_free(text);
            continue;
        }
        if (!jv_invalid_has_msg(jv_copy(v))) {
            jv_free(v);
            printf(".\n");
            return 0;
        }
        jv message = jv_invalid_get_msg(v);
        jv text = jv_get_kind(message) == JV_KIND_STRING ? jv_copy(message) : jv_dump_string(jv_copy(message), 0);
        print_error("jq_error", jv_string_value(text));
        jv_free(text);
        jv_free(message);
        return 0;
    }
}

/* The program must be an expression: `import` and `include` stand at the beginning only, where they cannot be now. */
static char *program_of(jv filter)
{
    static const char head[] = ". | ";
    size_t len = strlen(jv_string_value(filter));
    char *text = malloc(sizeof head + len);
    if (text)
        snprintf(text, sizeof head + len, "%s%s", head, jv_string_value(filter));
    jv_free(filter);
    return text;
}

static int run(jv request)
{
    char first[ERROR_SIZE] = "";
    jv seconds = jv_object_get(jv_copy(request), jv_string("seconds"));
    jv filter = jv_object_get(jv_copy(request), jv_string("filter"));
    jv args = jv_object_get(jv_copy(request), jv_string("args"));
    jv input = jv_object_get(request, jv_string("input"));
    set_limits(jv_get_kind(seconds) == JV_KIND_NUMBER ? jv_number_value(seconds) : 60);
    jv_free(seconds);
    jq_state *jq = jq_init();
    char *program = jv_get_kind(filter) == JV_KIND_STRING ? program_of(filter) : NULL;
    if (!jq || !program)
        return 1;
    jq_set_error_cb(jq, on_error, first);
    jq_set_input_cb(jq, NULL, NULL); /* libjq 1.6 leaves them unset */
    jq_set_debug_cb(jq, NULL, NULL);
    if (jq_compile_args(jq, program, args)) {
        jq_set_error_cb(jq, NULL, NULL);
        jq_start(jq, input, 0);
        return print_results(jq);
    }
    print_error("expression_error", *first ? first : "the filter does not compile");
    return 0;
}

/* Memory is given back by the end of the process. */
_Noreturn static void leave(int status)
{
    _exit(fflush(stdout) == 0 ? status : 1);
}

int main(void)
{
    size_t len;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char *text = read_all(&len);
    jv request = text ? jv_parse_sized(text, (int)len) : jv_invalid();
    free(text);
    if (jv_is_valid(request))
        leave(run(request));
    jv message = jv_invalid_get_msg(request);
    print_error("type_error", jv_get_kind(message) == JV_KIND_STRING ? jv_string_value(message) : "the input is too large");
    leave(0);
}
