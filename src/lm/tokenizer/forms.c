/* Normalisation forms: decompose, order the marks, compose. Decompositions and combining classes
 * are utf8proc's; the pairs that compose are derived from them once. */
#include "lm/tokenizer/forms.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "lm/tokenizer/unicode.h"
#include "lm/tokenizer/utf8.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* No character from here on decomposes, composes or has a combining class, but for the CJK
 * compatibility ideographs at U+2F800, which decompose to one character. */
#define TABLE_END 0x20000
#define MARK_LIMIT 0x300 /* below, nothing has a combining class or composes with what precedes */

typedef struct {
  uint32_t first, second, composed;
} pair;

static struct {
  pair *slots; /* open addressing; first is 0 where free */
  size_t mask;
  /* bit per character: must be looked at, under each form */
  uint8_t busy[4][TABLE_END / 8];
} tables;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static size_t pair_slot(uint32_t first, uint32_t second) {
  return (size_t)(((uint64_t)first << 21 | second) * 0x9e3779b97f4a7c15u >> 40) & tables.mask;
}

static void add_pair(uint32_t first, uint32_t second, uint32_t composed) {
  size_t i = pair_slot(first, second);
  while (tables.slots[i].first) i = (i + 1) & tables.mask;
  tables.slots[i] = (pair){first, second, composed};
}

static uint32_t find_pair(uint32_t first, uint32_t second) {
  for (size_t i = pair_slot(first, second); tables.slots[i].first; i = (i + 1) & tables.mask)
    if (tables.slots[i].first == first && tables.slots[i].second == second)
      return tables.slots[i].composed;
  return 0;
}

static int combining_class(uint32_t c) {
  if (c < MARK_LIMIT) return 0;
  int ccc = utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
  return ccc && tok_unknown_to_normalizer(c) ? 0 : ccc;
}

/* The full decomposition; returns its length (1 and c itself where there is none). */
static size_t decompose(uint32_t c, bool compatibility, utf8proc_int32_t out[32]) {
  int boundary = 0;
  int options = UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0);
  utf8proc_ssize_t n =
      c < 0xa0 || tok_unknown_to_normalizer(c)
          ? 0
          : utf8proc_decompose_char((utf8proc_int32_t)c, out, 32, options, &boundary);
  if (n < 1 || n > 32) out[0] = (utf8proc_int32_t)c, n = 1;
  return (size_t)n;
}

static void mark_busy(tok_form form, uint32_t c) {
  if (c < TABLE_END) tables.busy[form][c >> 3] |= (uint8_t)(1u << (c & 7));
}

/* Whether a decomposition composes back into the character, as those of singletons and of what
 * Unicode excludes do not. */
static bool composes_back(uint32_t c, const utf8proc_int32_t *parts, size_t n) {
  utf8proc_int32_t copy[33];
  memcpy(copy, parts, n * sizeof *copy);
  utf8proc_ssize_t size =
      utf8proc_normalize_utf32(copy, (utf8proc_ssize_t)n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  return size == 1 && (uint32_t)copy[0] == c;
}

/* Looks at a character's decompositions: which forms change it, and which pair makes it. */
static void examine(uint32_t c) {
  utf8proc_int32_t parts[32], inner[32];
  size_t n = decompose(c, false, parts), k = decompose(c, true, inner);
  bool canonical = n > 1 || (uint32_t)parts[0] != c;
  bool any = canonical || k > 1 || (uint32_t)inner[0] != c;
  bool ordered = combining_class(c) != 0;
  bool composite = canonical && composes_back(c, parts, n);
  if (canonical || ordered) mark_busy(TOK_NFD, c);
  if (any || ordered) mark_busy(TOK_NFKD, c), mark_busy(TOK_NFKC, c);
  if (ordered || (canonical && !composite)) mark_busy(TOK_NFC, c);
  if (!composite) return;
  /* The first of the pair is what all parts but the last compose to. */
  uint32_t first = (uint32_t)parts[0];
  for (size_t i = 1; i + 1 < n; i++) first = find_pair(first, (uint32_t)parts[i]);
  if (!first) return;
  add_pair(first, (uint32_t)parts[n - 1], c);
  mark_busy(TOK_NFC, (uint32_t)parts[n - 1]);
  mark_busy(TOK_NFKC, (uint32_t)parts[n - 1]);
}

static void build_tables(void) {
  tables.mask = (1u << 12) - 1;
  tables.slots = mx_xcalloc(tables.mask + 1, sizeof *tables.slots);
  /* Composites of two characters first: those of three build on them. */
  utf8proc_int32_t parts[32];
  MX_VEC(uint32_t) longer = {0};
  for (uint32_t c = 0xa0; c < TABLE_END; c++) {
    if (c == 0xac00) c = 0xd7a4; /* Hangul syllables compose by arithmetic */
    if (c == 0xd800) c = 0xe000;
    if (utf8proc_get_property((utf8proc_int32_t)c)->decomp_seqindex == UINT16_MAX &&
        !combining_class(c))
      continue;
    if (decompose(c, false, parts) > 2)
      mx_vec_push(&longer, c);
    else
      examine(c);
  }
  for (size_t round = 0; round < 2; round++)
    for (size_t i = 0; i < longer.size; i++) {
      bool is_four = decompose(longer.data[i], false, parts) > 3;
      if (is_four == (round == 1)) examine(longer.data[i]);
    }
  mx_vec_free(&longer);
  for (uint32_t c = 0xac00; c <= 0xd7a3; c++) mark_busy(TOK_NFD, c), mark_busy(TOK_NFKD, c);
  for (uint32_t c = 0x1161; c <= 0x11c2; c++) mark_busy(TOK_NFC, c), mark_busy(TOK_NFKC, c);
}

bool tok_form_holds(tok_form form, const char *text, size_t size) {
  size_t at = 0, step;
  while (at < size) {
    uint64_t word;
    while (at + 8 <= size && (memcpy(&word, text + at, 8), !(word & 0x8080808080808080u))) at += 8;
    if (at == size) break;
    uint32_t c = tok_utf8_at(text + at, &step);
    at += step;
    if (c < 0xa0) continue;
    pthread_once(&tables_once, build_tables);
    if (c < TABLE_END ? tables.busy[form][c >> 3] >> (c & 7) & 1 : c >= 0x2f800 && c <= 0x2fa1d)
      return false;
  }
  return true;
}

static uint32_t compose(uint32_t first, uint32_t second) {
  if (first >= 0x1100 && first < 0x1113 && second >= 0x1161 && second < 0x1176)
    return 0xac00 + ((first - 0x1100) * 21 + (second - 0x1161)) * 28;
  if (first >= 0xac00 && first <= 0xd7a3 && (first - 0xac00) % 28 == 0 && second > 0x11a7 &&
      second < 0x11c3)
    return first + (second - 0x11a7);
  return find_pair(first, second);
}

typedef struct {
  uint32_t c;
  int ccc;
} element;

typedef MX_VEC(element) elements;

/* Composes in place what is decomposed and in canonical order: each character joins the last
 * starter unless something of its own class or above stands between. */
static void compose_all(elements *e) {
  size_t starter = SIZE_MAX, kept = 0;
  int last = -1; /* class of the last character kept after the starter, -1 where none */
  for (size_t i = 0; i < e->size; i++) {
    element x = e->data[i];
    uint32_t composed = 0;
    if (starter != SIZE_MAX && last < x.ccc) composed = compose(e->data[starter].c, x.c);
    if (composed) {
      e->data[starter].c = composed;
      continue;
    }
    if (x.ccc == 0)
      starter = kept, last = -1;
    else
      last = x.ccc;
    e->data[kept++] = x;
  }
  e->size = kept;
}

/* Sorts the marks from a place on by class, keeping the order within one. */
static void order_marks(elements *e, size_t from, elements *spare) {
  size_t count = e->size - from;
  if (count < 2) return;
  element *run = e->data + from;
  if (count > 32) { /* counting sort: classes are below 256 */
    size_t starts[257] = {0};
    for (size_t i = 0; i < count; i++) starts[run[i].ccc + 1]++;
    for (size_t i = 0; i < 256; i++) starts[i + 1] += starts[i];
    spare->size = 0;
    mx_vec_reserve(spare, count);
    for (size_t i = 0; i < count; i++) spare->data[starts[run[i].ccc]++] = run[i];
    memcpy(run, spare->data, count * sizeof *run);
    return;
  }
  for (size_t i = 1; i < count; i++)
    for (size_t j = i; j && run[j - 1].ccc > run[j].ccc; j--) {
      element t = run[j];
      run[j] = run[j - 1], run[j - 1] = t;
    }
}

void tok_form_apply(tok_form form, const char *text, size_t size, mx_str *out) {
  pthread_once(&tables_once, build_tables);
  bool compatibility = form == TOK_NFKC || form == TOK_NFKD;
  elements e = {0}, spare = {0};
  size_t run = 0, step;
  for (size_t at = 0; at < size; at += step) {
    utf8proc_int32_t parts[32];
    size_t n = decompose(tok_utf8_at(text + at, &step), compatibility, parts);
    for (size_t i = 0; i < n; i++) {
      element x = {(uint32_t)parts[i], combining_class((uint32_t)parts[i])};
      if (!x.ccc) {
        order_marks(&e, run, &spare);
        run = e.size + 1;
      }
      mx_vec_push(&e, x);
    }
  }
  order_marks(&e, run, &spare);
  if (form == TOK_NFC || form == TOK_NFKC) compose_all(&e);
  for (size_t i = 0; i < e.size; i++) tok_utf8_append(out, e.data[i].c);
  mx_vec_free(&e);
  mx_vec_free(&spare);
}
