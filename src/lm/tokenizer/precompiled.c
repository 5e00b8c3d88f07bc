/* A character map: a double-array trie (Darts, as SentencePiece writes it) whose values are offsets
 * into a blob of NUL-terminated texts.
 *
 *   blob:  u32 bytes of trie | trie, u32 units | texts
 *   unit:  bits 0-7 label, 8 has a leaf, 9 offset is in 256s, 10-30 offset, 31 is a leaf's value */
#include "lm/tokenizer/precompiled.h"
#include "base/alloc.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

struct tok_charsmap {
  unsigned char *blob;
  const unsigned char *units;
  size_t unit_count;
  const char *texts;
  size_t texts_size;
};

static int base64_digit(char c) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *at = c ? strchr(digits, c) : NULL;
  return at ? (int)(at - digits) : -1;
}

/* Decodes into `out` (3/4 of the size is enough); returns the bytes, or SIZE_MAX. */
static size_t base64_decode(const char *text, size_t size, unsigned char *out) {
  uint32_t bits = 0;
  int held = 0;
  size_t n = 0;
  while (size && text[size - 1] == '=') size--;
  for (size_t i = 0; i < size; i++) {
    int digit = base64_digit(text[i]);
    if (digit < 0) return SIZE_MAX;
    bits = bits << 6 | (uint32_t)digit;
    held += 6;
    if (held >= 8) held -= 8, out[n++] = (unsigned char)(bits >> held);
  }
  return n;
}

static uint32_t read_u32(const unsigned char *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

tok_charsmap *tok_charsmap_new(const char *base64, size_t size) {
  tok_charsmap *map = mx_xcalloc(1, sizeof *map);
  map->blob = mx_xmalloc(size + 4);
  size_t bytes = base64_decode(base64, size, map->blob);
  uint32_t trie = bytes != SIZE_MAX && bytes >= 4 ? read_u32(map->blob) : 0;
  if (!trie || trie % 4 || trie > bytes - 4) {
    tok_charsmap_free(map);
    return NULL;
  }
  map->units = map->blob + 4;
  map->unit_count = trie / 4;
  map->texts = (const char *)map->blob + 4 + trie;
  map->texts_size = bytes - 4 - trie;
  if (tok_utf8_valid_prefix(map->texts, map->texts_size) == map->texts_size) return map;
  tok_charsmap_free(map);
  return NULL;
}

void tok_charsmap_free(tok_charsmap *map) {
  if (!map) return;
  free(map->blob);
  free(map);
}

static size_t unit_offset(uint32_t unit) { return (size_t)(unit >> 10) << ((unit & 0x200) >> 6); }

const char *tok_charsmap_find(const tok_charsmap *map, const char *text, size_t size,
                              size_t *length) {
  size_t at = unit_offset(read_u32(map->units));
  for (size_t i = 0; i < size && text[i]; i++) {
    unsigned char c = (unsigned char)text[i];
    at ^= c;
    if (at >= map->unit_count) return NULL;
    uint32_t unit = read_u32(map->units + 4 * at);
    if ((unit & 0x800000ffu) != c) return NULL;
    at ^= unit_offset(unit);
    if (at >= map->unit_count) return NULL;
    if (!(unit & 0x100)) continue;
    size_t place = read_u32(map->units + 4 * at) & 0x7fffffffu;
    if (place > map->texts_size) return NULL;
    *length = strnlen(map->texts + place, map->texts_size - place);
    /* A place inside a character would be a broken map. */
    if (place < map->texts_size && (map->texts[place] & 0xc0) == 0x80) return NULL;
    return map->texts + place;
  }
  return NULL;
}
