/* SPDX-License-Identifier: Apache-2.0 */
/* The address guard: each refused range at its first and last address, their neighbours, and every disguise. */
#include "unit/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/mem.h"
#include "worker/http_guard.h"

static bool refuses(enum http_guard guard, const char *text)
{
    struct sockaddr_storage ss = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
        ss.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
        ss.ss_family = AF_INET6;
    else
        fail_msg("no address: %s", text);
    return http_guard_refuses(guard, (struct sockaddr *)&ss);
}

static void check(const char *const *texts, bool metadata, bool private)
{
    for (; *texts; texts++) {
        if (refuses(HTTP_GUARD_OFF, *texts))
            fail_msg("off refuses %s", *texts);
        if (refuses(HTTP_GUARD_METADATA, *texts) != metadata)
            fail_msg("metadata: wrong for %s", *texts);
        if (refuses(HTTP_GUARD_PRIVATE, *texts) != private)
            fail_msg("private: wrong for %s", *texts);
    }
}

static void metadata_addresses_are_refused_by_both(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "169.254.0.0", "169.254.169.254", "169.254.255.255", "100.100.100.200", "168.63.129.16",
        "192.0.0.192", "fe80::1",         "febf:ffff::1",    "fd00:ec2::254",   "fd20:ce::254",
        NULL,
    };
    check(texts, true, true);
}

static void metadata_addresses_in_disguise_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:a9:fe:a9fe::",
        "64:ff9b:1:0:a9:fea9:fe00::",
        "2002:a9fe:a9fe::1",
        "2001:0:1:2:3:4:5601:5601",
        "2a00::5efe:169.254.169.254",
        "2a00::200:5efe:169.254.169.254",
        NULL,
    };
    check(texts, true, true);
}

static void private_addresses_are_refused_by_private_only(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "127.0.0.1",
        "127.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "0.0.0.0",
        "0.255.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "192.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "::1",
        "fc00::1",
        "fdff:ffff::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "64:ff9b::192.168.1.1",
        "2002:7f00:1::",
        "fd00:ec2::255",
        NULL,
    };
    check(texts, false, true);
}

static void public_addresses_are_let_through(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "1.1.1.1",         "9.255.255.255",    "11.0.0.0",        "100.63.255.255",       "100.128.0.0",
        "126.255.255.255", "128.0.0.0",        "169.253.255.255", "169.255.0.0",          "172.15.255.255",
        "172.32.0.0",      "192.167.255.255",  "192.169.0.0",     "198.17.255.255",       "198.20.0.0",
        "223.255.255.255", "168.63.129.17",    "192.0.1.0",       "2606:4700::1111",      "2a00:1450:4001:80b::200e",
        "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:4860:4860::8888", NULL,
    };
    check(texts, false, false);
}

static void other_families_are_refused(void **state)
{
    (void)state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    assert_true(http_guard_refuses(HTTP_GUARD_METADATA, (struct sockaddr *)&un));
    assert_false(http_guard_refuses(HTTP_GUARD_OFF, (struct sockaddr *)&un));
}

static void names_of_metadata_services_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "metadata.google.internal",  "METADATA.Google.Internal.", "metadata", "metadata.goog", "instance-data",
        "instance-data.ec2.internal"};
    static const char *const good[] = {
        "", ".", "example.com", "metadata.example.com", "x-metadata", "metadata.google.interna"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(http_guard_refuses_name(HTTP_GUARD_METADATA, bad[i]));
        assert_true(http_guard_refuses_name(HTTP_GUARD_PRIVATE, bad[i]));
        assert_false(http_guard_refuses_name(HTTP_GUARD_OFF, bad[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_false(http_guard_refuses_name(HTTP_GUARD_PRIVATE, good[i]));
    assert_string_equal(http_guard_name(HTTP_GUARD_OFF), "off");
    assert_string_equal(http_guard_name(HTTP_GUARD_METADATA), "metadata");
    assert_string_equal(http_guard_name(HTTP_GUARD_PRIVATE), "private");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_addresses_are_refused_by_both),
        cmocka_unit_test(metadata_addresses_in_disguise_are_refused),
        cmocka_unit_test(private_addresses_are_refused_by_private_only),
        cmocka_unit_test(public_addresses_are_let_through),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(names_of_metadata_services_are_refused),
    };
    return cmocka_run_group_tests_name("http_guard", tests, NULL, NULL);
}
