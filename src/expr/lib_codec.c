/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, percent encoding, and hashes of text.  All of them see the text's UTF-8 bytes. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#ifdef WITH_HASHES
#include <openssl/evp.h>
#include <openssl/hmac.h>
#endif

#include "base/mem.h"
#include "expr/lib.h"
#include "expr/utf8.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool base64_encode(struct ev *ev, const struct call *c, struct val *out)
{
    struct text t;
    size_t len;
    const char *s = arg_string(ev, c, 0, &len);
    if (!s || !ex_charge_bytes(ev, len))
        return false;
    text_init(&t, ev);
    for (size_t i = 0; i < len; i += 3) {
        const unsigned char *p = (const unsigned char *)s + i;
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
        char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], n > 1 ? alphabet[v >> 6 & 63] : '=', n > 2 ? alphabet[v & 63] : '='};
        text_add(&t, four, sizeof four);
    }
    return text_finish(&t, out);
}

/* Both alphabets, the common one and that of addresses. */
static int base64_digit(char ch)
{
    const char *at = ch ? strchr(alphabet, ch) : NULL;
    return at ? (int)(at - alphabet) : ch == '-' ? 62 : ch == '_' ? 63 : -1;
}

/* A string from bytes that have to be text. */
static bool finish_bytes(struct ev *ev, const struct call *c, const char *bytes, size_t len, struct val *out)
{
    size_t bad;
    if (!utf8_valid(bytes, len, &bad) || memchr(bytes, 0, len))
        return ex_fail(ev, "type_error", "%s(): what it stands for is no text", c->fn->name);
    return ex_str(ev, bytes, len, out);
}

static bool base64_bytes(const char *s, size_t len, char *bytes, size_t *n)
{
    uint32_t v = 0;
    int bits = 0;
    while (len > 0 && s[len - 1] == '=')
        len--;
    *n = 0;
    for (size_t i = 0; i < len; i++) {
        int digit = base64_digit(s[i]);
        if (digit < 0)
            return false;
        v = (v << 6 | (uint32_t)digit) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[(*n)++] = (char)(v >> bits & 0xff);
        }
    }
    return len % 4 != 1;
}

static bool base64_decode(struct ev *ev, const struct call *c, struct val *out)
{
    size_t len, n;
    const char *s = arg_string(ev, c, 0, &len);
    char *bytes = s && ex_charge_bytes(ev, len) ? ex_alloc(ev, len + 1) : NULL;
    if (!bytes)
        return false;
    bool ok = base64_bytes(s, len, bytes, &n) ? finish_bytes(ev, c, bytes, n, out)
                                              : ex_fail(ev, "type_error", "%s(): this is not base64", c->fn->name);
    ex_free(ev, bytes, len + 1);
    return ok;
}

static bool encode_uri(struct ev *ev, const struct call *c, struct val *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()";
    struct text t;
    size_t len;
    struct val v;
    if (!ex_to_text(ev, c->args[0], &v))
        return false;
    const char *s = str_data(v, &len);
    text_init(&t, ev);
    for (size_t i = 0; i < len; i++) {
        char hex[4];
        bool keep = s[i] && strchr(plain, s[i]);
        snprintf(hex, sizeof hex, "%%%02X", (unsigned char)s[i]);
        text_add(&t, keep ? s + i : hex, keep ? 1 : 3);
    }
    ex_release(ev, v);
    return text_finish(&t, out) && ex_charge_bytes(ev, len);
}

/* A text in which some characters stand for others. */
static bool replaced(struct ev *ev, const struct call *c, const char *(*by)(char), struct val *out)
{
    struct text t;
    size_t len;
    const char *s = arg_string(ev, c, 0, &len);
    if (!s || !ex_charge_bytes(ev, len))
        return false;
    text_init(&t, ev);
    for (size_t i = 0; i < len && !t.failed; i++) {
        const char *other = by(s[i]);
        if (other)
            text_addstr(&t, other);
        else
            text_add(&t, s + i, 1);
    }
    return text_finish(&t, out);
}

static const char *in_html(char ch)
{
    return ch == '&' ? "&amp;" : ch == '<' ? "&lt;" : ch == '>' ? "&gt;" : ch == '"' ? "&quot;" : ch == '\'' ? "&#39;" : NULL;
}

static bool escape_html(struct ev *ev, const struct call *c, struct val *out)
{
    return replaced(ev, c, in_html, out);
}

static const char *in_pattern(char ch)
{
    static const char special[] = "\\^$.|?*+()[]{}-/#";
    static const char *const escaped[] = {"\\\\", "\\^", "\\$", "\\.", "\\|", "\\?", "\\*", "\\+", "\\(", "\\)",
                                          "\\[", "\\]", "\\{", "\\}", "\\-", "\\/", "\\#"};
    const char *at = ch ? strchr(special, ch) : NULL;
    return at ? escaped[at - special] : NULL;
}

static bool escape_pattern(struct ev *ev, const struct call *c, struct val *out)
{
    return replaced(ev, c, in_pattern, out);
}

static int hex_digit(char ch)
{
    return ch >= '0' && ch <= '9' ? ch - '0' : (ch | 32) >= 'a' && (ch | 32) <= 'f' ? (ch | 32) - 'a' + 10 : -1;
}

static bool decode_uri(struct ev *ev, const struct call *c, struct val *out)
{
    size_t len, n = 0;
    bool ok = true;
    const char *s = arg_string(ev, c, 0, &len);
    char *bytes = s && ex_charge_bytes(ev, len) ? ex_alloc(ev, len + 1) : NULL;
    if (!bytes)
        return false;
    for (size_t i = 0; ok && i < len; i++) {
        bool escape = s[i] == '%';
        ok = !escape || (len - i > 2 && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0);
        if (ok)
            bytes[n++] = escape ? (char)(hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2])) : s[i];
        i += escape ? 2 : 0;
    }
    ok = ok ? finish_bytes(ev, c, bytes, n, out) : ex_fail(ev, "type_error", "%s(): %% wants two hexadecimal digits", c->fn->name);
    ex_free(ev, bytes, len + 1);
    return ok;
}

/* ---- Hashes, as lower case hexadecimal digits ---- */

#ifdef WITH_HASHES
static bool hex_text(struct ev *ev, const unsigned char *bytes, size_t len, struct val *out)
{
    char text[2 * EVP_MAX_MD_SIZE + 1];
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return ex_str(ev, text, 2 * len, out);
}

static bool hash(struct ev *ev, const struct call *c, const EVP_MD *how, struct val *out)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    size_t len;
    const char *s = arg_string(ev, c, 0, &len);
    if (!s || !ex_charge_bytes(ev, len))
        return false;
    if (EVP_Digest(s, len, bytes, &n, how, NULL) != 1)
        return ex_fail(ev, "type_error", "%s() is not allowed by this machine's libcrypto", c->fn->name);
    return hex_text(ev, bytes, n, out);
}

static bool hash_md5(struct ev *ev, const struct call *c, struct val *out)
{
    return hash(ev, c, EVP_md5(), out);
}

static bool hash_sha1(struct ev *ev, const struct call *c, struct val *out)
{
    return hash(ev, c, EVP_sha1(), out);
}

static bool hash_sha256(struct ev *ev, const struct call *c, struct val *out)
{
    return hash(ev, c, EVP_sha256(), out);
}

static bool hash_sha512(struct ev *ev, const struct call *c, struct val *out)
{
    return hash(ev, c, EVP_sha512(), out);
}

/* hmacSha256(key, text) */
static bool hmac_sha256(struct ev *ev, const struct call *c, struct val *out)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    size_t key_len, len;
    const char *key = arg_string(ev, c, 0, &key_len), *s = key ? arg_string(ev, c, 1, &len) : NULL;
    if (!s || !ex_charge_bytes(ev, len + key_len))
        return false;
    if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)s, len, bytes, &n))
        return ex_fail(ev, "type_error", "%s() is not allowed by this machine's libcrypto", c->fn->name);
    return hex_text(ev, bytes, n, out);
}
#else
static bool no_hash(struct ev *ev, const struct call *c, struct val *out)
{
    (void)out;
    return ex_fail(ev, "type_error", "%s() is not part of this build: configure found no libcrypto", c->fn->name);
}
#define hash_md5 no_hash
#define hash_sha1 no_hash
#define hash_sha256 no_hash
#define hash_sha512 no_hash
#define hmac_sha256 no_hash
#endif

const struct builtin lib_codecs[] = {
    {"base64Encode", base64_encode, 1, 1, 0},
    {"base64Decode", base64_decode, 1, 1, 0},
    {"encodeURIComponent", encode_uri, 1, 1, 0},
    {"decodeURIComponent", decode_uri, 1, 1, 0},
    {"escapeHtml", escape_html, 1, 1, 0},
    {"escapePattern", escape_pattern, 1, 1, 0},
    {"md5", hash_md5, 1, 1, 0},
    {"sha1", hash_sha1, 1, 1, 0},
    {"sha256", hash_sha256, 1, 1, 0},
    {"sha512", hash_sha512, 1, 1, 0},
    {"hmacSha256", hmac_sha256, 2, 2, 0},
    {0},
};
