/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that a thread keeps: whatever the sizes, whoever allocated them and whichever thread gives them back, no two that are in
 * use overlap, and every one is malloc()'s.  Beneath a tool that watches over memory the same runs without keeping any. */
#include "test.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pool.h"

#define BLOCKS 4000
#define ROUNDS 20

struct held {
    unsigned char *p;
    size_t size;
};

static void take(struct held *h, size_t size, unsigned char fill)
{
    *h = (struct held){pool_alloc(size), size};
    memset(h->p, fill, size);
}

static void check(const struct held *h, unsigned char fill)
{
    for (size_t i = 0; i < h->size; i++)
        assert_int_equal(h->p[i], fill);
}

static size_t some_size(size_t i)
{
    return 1 + i * 7 % (i % 8 ? 400 : 5000);
}

static void blocks_in_use_do_not_overlap(void **state)
{
    struct held *held = xcalloc(BLOCKS, sizeof *held);
    (void)state;
    bool begun = pool_begin();
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < BLOCKS; i++)
            take(&held[i], some_size(i + round), (unsigned char)(i + round));
        for (size_t i = 0; i < BLOCKS; i++)
            check(&held[i], (unsigned char)(i + round));
        for (size_t i = 0; i < BLOCKS; i++)
            if (i % 5 == 0)
                free(held[i].p); /* they are malloc()'s */
            else
                pool_free(held[i].p);
    }
    if (begun)
        pool_end();
    free(held);
}

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif

/* Is there a tool beneath that watches over memory?  Memcheck is seen by what it preloads. */
static bool watched(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
    return true;
#else
    char line[1000];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && !found && fgets(line, sizeof line, maps))
        found = strstr(line, "vgpreload_memcheck") != NULL;
    if (maps)
        fclose(maps);
    return found;
#endif
}

/* Else the tool would not see who uses what was given back; and without one it would be slow for nothing. */
static void nothing_is_kept_beneath_a_tool(void **state)
{
    (void)state;
    bool begun = pool_begin();
#ifdef __GLIBC__
    assert_int_equal(begun, !watched());
#else
    assert_false(begun && watched());
#endif
    if (begun)
        pool_end();
}

static void what_was_given_back_comes_again(void **state)
{
    (void)state;
    if (!pool_begin())
        return; /* a tool watches over memory, which malloc() has alone then: nothing to see here */
    char *p = pool_alloc(40), *of_malloc = xmalloc(100);
    pool_free(p);
    pool_free(of_malloc);
    pool_free(NULL);
    assert_ptr_equal(pool_alloc(33), p);
    assert_ptr_equal(pool_alloc(90), of_malloc);
    char *large = xmalloc(POOL_LARGEST);
    xfree(large);
    assert_ptr_equal(pool_alloc(3600), large); /* a quarter at most is not used */
    xfree(large);
    char *smaller = xmalloc(3500);
    assert_ptr_not_equal(smaller, large);
    xfree(smaller);
    assert_true(pool_begin());
    pool_free(p);
    pool_end();
    assert_ptr_equal(pool_alloc(40), p); /* the outer one keeps it */
    pool_free(p);
    pool_free(of_malloc);
    pool_end();
}

static void *give_back(void *arg)
{
    struct held *held = arg;
    bool begun = pool_begin();
    for (size_t i = 0; i < BLOCKS; i++) {
        check(&held[i], (unsigned char)i);
        pool_free(held[i].p);
        take(&held[i], some_size(i), (unsigned char)~i);
    }
    if (begun)
        pool_end();
    return NULL;
}

static void other_threads_give_back(void **state)
{
    pthread_t thread;
    struct held *held = xcalloc(BLOCKS, sizeof *held);
    (void)state;
    bool begun = pool_begin();
    for (size_t i = 0; i < BLOCKS; i++)
        take(&held[i], some_size(i), (unsigned char)i);
    assert_int_equal(pthread_create(&thread, NULL, give_back, held), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        check(&held[i], (unsigned char)~i);
        pool_free(held[i].p);
    }
    if (begun)
        pool_end();
    free(held);
}

/* jansson's memory comes from here. */
static void json_values_outlive_the_pool(void **state)
{
    static const char text[] = "{\"a\":[1,2.50,\"three\",{\"b\":null}],\"long\":\"0123456789012345678901234567890123456789\"}";
    struct error e = ERROR_INIT;
    (void)state;
    bool begun = pool_begin();
    json_decref(js_parse(text, strlen(text), &e));
    json_t *v = js_parse(text, strlen(text), &e);
    if (begun)
        pool_end();
    CLEANUP_FREE char *again = js_text(v);
    assert_string_equal(again, text);
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_in_use_do_not_overlap),
        cmocka_unit_test(nothing_is_kept_beneath_a_tool),
        cmocka_unit_test(what_was_given_back_comes_again),
        cmocka_unit_test(other_threads_give_back),
        cmocka_unit_test(json_values_outlive_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
