/* UTF-8: validation, repair, encoding. */
#include "lm/tokenizer/utf8.h"

#include <string.h>

size_t tok_utf8_put(uint32_t c, char out[4]) {
  if (c < 0x80) return out[0] = (char)c, 1;
  if (c < 0x800) return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 63));
    out[2] = (char)(0x80 | (c & 63));
    return 3;
  }
  out[0] = (char)(0xf0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 63));
  out[2] = (char)(0x80 | (c >> 6 & 63));
  out[3] = (char)(0x80 | (c & 63));
  return 4;
}

void tok_utf8_append(mx_str *out, uint32_t c) {
  char bytes[4];
  mx_str_append(out, bytes, tok_utf8_put(c, bytes));
}

/* How much of an ill-formed or well-formed character stands at s: its length where it is whole,
 * else minus the length of the longest prefix that could have begun one (at least 1). */
static int character_at(const unsigned char *s, size_t left) {
  unsigned char lead = s[0], low = 0x80, high = 0xbf;
  if (lead < 0x80) return 1;
  int need = lead >= 0xc2 && lead < 0xe0 ? 1 : (lead & 0xf0) == 0xe0 ? 2 : 0;
  if (lead >= 0xf0 && lead <= 0xf4) need = 3;
  if (!need) return -1;
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  for (int i = 1; i <= need; i++) {
    if ((size_t)i >= left || s[i] < low || s[i] > high) return -i;
    low = 0x80;
    high = 0xbf;
  }
  return need + 1;
}

size_t tok_utf8_valid_prefix(const char *s, size_t size) {
  size_t at = 0;
  while (at < size) {
    uint64_t word;
    while (at + 8 <= size && (memcpy(&word, s + at, 8), !(word & 0x8080808080808080u))) at += 8;
    if (at == size) break;
    int n = character_at((const unsigned char *)s + at, size - at);
    if (n < 0) return at;
    at += (size_t)n;
  }
  return at;
}

void tok_utf8_repair(mx_str *out, const char *s, size_t size) {
  for (;;) {
    size_t good = tok_utf8_valid_prefix(s, size);
    mx_str_append(out, s, good);
    s += good, size -= good;
    if (!size) return;
    int bad = -character_at((const unsigned char *)s, size);
    mx_str_append(out, "\xef\xbf\xbd", 3);
    s += bad, size -= (size_t)bad;
  }
}

size_t tok_utf8_count(const char *s, size_t size) {
  size_t count = 0;
  for (size_t i = 0; i < size; i++) count += (s[i] & 0xc0) != 0x80;
  return count;
}
