/* SPDX-License-Identifier: Apache-2.0 */
/* Masking: {"secrets": [...], "value": ...}: no secret that is long enough stands in what comes out. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "worker/mask.h"

const char fuzz_name[] = "mask";
const bool fuzz_json = true;
const unsigned fuzz_cases = 2000;

void fuzz_open(void)
{
}

/* Texts that masking itself makes do not count, nor does what comes together around them. */
static bool counts(const char *secret)
{
    return strlen(secret) >= MASK_SHORTEST && !strchr(secret, '*');
}

static void check_texts(const json_t *secrets, const json_t *v)
{
    size_t i;
    const char *key;
    json_t *item, *secret;
    if (json_is_array(v)) {
        json_array_foreach(v, i, item) check_texts(secrets, item);
    } else if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key, item) check_texts(secrets, item);
    } else if (json_is_string(v)) {
        json_array_foreach(secrets, i, secret) if (json_is_string(secret) && counts(json_string_value(secret)) &&
                                                   strstr(json_string_value(v), json_string_value(secret)))
            fuzz_fail("the secret %s stands in %s", json_string_value(secret), json_string_value(v));
    }
}

void fuzz_input(const uint8_t *data, size_t size)
{
    struct mask m = {0};
    CLEANUP_JSON json_t *v = fuzz_value(data, size);
    json_t *secrets = fuzz_member(v, "secrets"), *value = fuzz_member(v, "value"), *secret;
    size_t i;
    if (!value)
        return;
    json_array_foreach(secrets, i, secret) if (json_is_string(secret)) mask_add(&m, json_string_value(secret));
    CLEANUP_JSON json_t *masked = mask_value(&m, value);
    check_texts(secrets, masked);
    if (json_is_string(value)) {
        CLEANUP_FREE char *text = mask_text(&m, json_string_value(value));
        fuzz_same("a text is masked otherwise than a value", json_string_value(masked), text);
    }
    mask_free(&m);
}
