/* UTF-8, one character at a time, and the repair of what is not UTF-8. */
#ifndef LM_TOKENIZER_UTF8_H
#define LM_TOKENIZER_UTF8_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The character at s (which must be valid UTF-8, not at its end); its length goes to *size. */
static inline uint32_t tok_utf8_at(const char *s, size_t *size) {
  const unsigned char *u = (const unsigned char *)s;
  if (u[0] < 0x80) return *size = 1, u[0];
  if (u[0] < 0xe0) return *size = 2, (uint32_t)(u[0] & 31) << 6 | (u[1] & 63);
  if (u[0] < 0xf0)
    return *size = 3, (uint32_t)(u[0] & 15) << 12 | (uint32_t)(u[1] & 63) << 6 | (u[2] & 63);
  *size = 4;
  return (uint32_t)(u[0] & 7) << 18 | (uint32_t)(u[1] & 63) << 12 | (uint32_t)(u[2] & 63) << 6 |
         (u[3] & 63);
}

/* Length in bytes of the character that a lead byte of valid UTF-8 begins. */
static inline size_t tok_utf8_size(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Writes a character, 1 to 4 bytes; returns how many. */
size_t tok_utf8_put(uint32_t c, char out[4]);
void tok_utf8_append(mx_str *out, uint32_t c);

/* Bytes at the start of s that are valid UTF-8 (no surrogates, nothing over U+10FFFF, nothing
 * overlong); equal to size where all of it is. */
size_t tok_utf8_valid_prefix(const char *s, size_t size);

/* Appends s with every maximal ill-formed part replaced by U+FFFD, as Unicode (section 3.9)
 * recommends and as Python's errors="replace" and Rust's from_utf8_lossy do. */
void tok_utf8_repair(mx_str *out, const char *s, size_t size);

/* Characters in valid UTF-8. */
size_t tok_utf8_count(const char *s, size_t size);

#endif
