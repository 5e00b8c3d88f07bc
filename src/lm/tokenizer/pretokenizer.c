/* Pre-tokenizers. A step either cuts pieces, which leaves the text where it is, or rewrites it. */
#include "lm/tokenizer/pretokenizer.h"
#include "base/alloc.h"
#include "lm/tokenizer/model.h"
#include "lm/tokenizer/regex.h"
#include "lm/tokenizer/unicode.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

/* What becomes of the stretches that a pattern matched. */
typedef enum { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS } behavior;

typedef struct step step;
struct step {
  int (*run)(const step *st, tok_work *w);
  tok_regex *regex;
  bool (*member)(uint32_t c); /* of the characters that match */
  uint32_t character;         /* a delimiter, or Metaspace's replacement */
  behavior behavior;
  bool invert, add_prefix_space, use_regex, split;
  enum { FIRST, NEVER, ALWAYS } prepend;
  size_t length;
};

struct tok_pretokenizer {
  MX_VEC(step) steps;
};

/* Turns matches of one piece into pieces. */
typedef struct {
  tok_work *work;
  const tok_piece *piece;
  behavior behavior;
  bool invert, pending, pending_match;
  size_t done, start, end; /* seen up to here; the pending stretch */
} cutter;

static void emit(cutter *c, size_t start, size_t end) {
  if (start < end) mx_vec_push(&c->work->spare_pieces, tok_piece_part(c->piece, start, end));
}

/* One stretch, matched or not. Stretches come in order and leave no gaps. */
static void cut_stretch(cutter *c, size_t start, size_t end, bool match) {
  match ^= c->invert;
  if (c->behavior == ISOLATED || c->behavior == REMOVED) {
    if (c->behavior == ISOLATED || !match) emit(c, start, end);
    return;
  }
  bool join = c->pending && (c->behavior == CONTIGUOUS             ? match == c->pending_match
                             : c->behavior == MERGED_WITH_PREVIOUS ? match && !c->pending_match
                                                                   : !match && c->pending_match);
  if (!join) {
    if (c->pending) emit(c, c->start, c->end);
    c->start = start;
  }
  c->end = end;
  c->pending = true;
  c->pending_match = match;
}

static void cut_match(cutter *c, size_t start, size_t end) {
  if (c->done != start) cut_stretch(c, c->done, start, false);
  cut_stretch(c, start, end, true);
  c->done = end;
}

static void cut_end(cutter *c) {
  if (c->done != c->piece->size) cut_stretch(c, c->done, c->piece->size, false);
  if (c->pending) emit(c, c->start, c->end);
}

/* Cuts every piece by a function that reports its matches. */
static int cut_pieces(const step *st, tok_work *w,
                      int (*find)(const step *st, const char *text, size_t size, cutter *c)) {
  w->spare_pieces.size = 0;
  for (size_t i = 0; i < w->pieces.size; i++) {
    tok_piece piece = w->pieces.data[i];
    if (piece.id >= 0) {
      mx_vec_push(&w->spare_pieces, piece);
      continue;
    }
    cutter c = {.work = w, .piece = &piece, .behavior = st->behavior, .invert = st->invert};
    if (find(st, w->text.data + piece.start, piece.size, &c)) return -1;
    cut_end(&c);
  }
  tok_piece_list swap = w->pieces;
  w->pieces = w->spare_pieces, w->spare_pieces = swap;
  return 0;
}

static int find_regex(const step *st, const char *text, size_t size, cutter *c) {
  tok_find f;
  size_t start, end;
  int rc;
  tok_find_start(&f, st->regex, text, size);
  while ((rc = tok_find_next(&f, &start, &end)) > 0) cut_match(c, start, end);
  tok_find_end(&f);
  return rc;
}

static int find_members(const step *st, const char *text, size_t size, cutter *c) {
  for (size_t at = 0, step; at < size; at += step)
    if (st->member(tok_utf8_at(text + at, &step))) cut_match(c, at, at + step);
  return 0;
}

static int find_character(const step *st, const char *text, size_t size, cutter *c) {
  for (size_t at = 0, step; at < size; at += step)
    if (tok_utf8_at(text + at, &step) == st->character) cut_match(c, at, at + step);
  return 0;
}

/* Runs of word characters, and runs of what is neither that nor space. */
static int find_words(const step *st, const char *text, size_t size, cutter *c) {
  (void)st;
  for (size_t at = 0, step; at < size;) {
    uint32_t first = tok_utf8_at(text + at, &step);
    bool word = tok_is_word(first);
    size_t end = at + step;
    if (!word && tok_is_space(first)) {
      at = end;
      continue;
    }
    while (end < size) {
      uint32_t next = tok_utf8_at(text + end, &step);
      if (tok_is_word(next) != word || (!word && tok_is_space(next))) break;
      end += step;
    }
    cut_match(c, at, end);
    at = end;
  }
  return 0;
}

static int find_lengths(const step *st, const char *text, size_t size, cutter *c) {
  for (size_t at = 0; at < size;) {
    size_t end = at;
    for (size_t n = 0; n < st->length && end < size; n++)
      end += tok_utf8_size((unsigned char)text[end]);
    cut_match(c, at, end);
    at = end;
  }
  return 0;
}

static int run_split(const step *st, tok_work *w) { return cut_pieces(st, w, find_regex); }
static int run_members(const step *st, tok_work *w) { return cut_pieces(st, w, find_members); }
static int run_character(const step *st, tok_work *w) { return cut_pieces(st, w, find_character); }
static int run_words(const step *st, tok_work *w) { return cut_pieces(st, w, find_words); }
static int run_lengths(const step *st, tok_work *w) { return cut_pieces(st, w, find_lengths); }

/* Rewrites the text piece by piece. */
static void rewrite(const step *st, tok_work *w,
                    void (*piece)(const step *st, const char *text, tok_piece *p, mx_str *out)) {
  mx_str_clear(&w->spare_text);
  for (size_t i = 0; i < w->pieces.size; i++) {
    tok_piece *p = &w->pieces.data[i];
    if (p->id >= 0) continue;
    size_t start = w->spare_text.size;
    piece(st, w->text.data + p->start, p, &w->spare_text);
    p->start = start;
    p->size = w->spare_text.size - start;
  }
  mx_str swap = w->text;
  w->text = w->spare_text, w->spare_text = swap;
}

static void prefix_space(const step *st, const char *text, tok_piece *p, mx_str *out) {
  (void)st;
  if (p->size && text[0] != ' ') {
    mx_str_putc(out, ' ');
    if (p->origin) p->origin++;
  }
  mx_str_append(out, text, p->size);
}

static void map_bytes(const step *st, const char *text, tok_piece *p, mx_str *out) {
  (void)st;
  size_t start = out->size;
  tok_put_byte_chars(out, text, p->origin);
  size_t origin = out->size - start;
  tok_put_byte_chars(out, text + p->origin, p->size - p->origin);
  p->origin = origin;
}

static int run_byte_mapping(const step *st, tok_work *w) { return rewrite(st, w, map_bytes), 0; }

static int run_bytes(const step *st, tok_work *w) {
  bool missing = false;
  for (size_t i = 0; st->add_prefix_space && i < w->pieces.size; i++)
    missing |= w->pieces.data[i].id < 0 && w->text.data[w->pieces.data[i].start] != ' ';
  if (missing) rewrite(st, w, prefix_space);
  return st->use_regex ? run_split(st, w) : 0;
}

static void metaspace(const step *st, const char *text, tok_piece *p, mx_str *out) {
  char mark[4];
  size_t mark_size = tok_utf8_put(st->character, mark), start = out->size, origin = 0;
  bool marked =
      p->size && (text[0] == ' ' || (p->size >= mark_size && !memcmp(text, mark, mark_size)));
  bool wanted = st->prepend == ALWAYS || (st->prepend == FIRST && p->at_start);
  if (wanted && !marked && p->size) {
    mx_str_append(out, mark, mark_size);
    if (p->origin) origin = mark_size;
  }
  for (size_t at = 0; at < p->size;) {
    const char *space = memchr(text + at, ' ', p->size - at);
    size_t end = space ? (size_t)(space - text) : p->size;
    mx_str_append(out, text + at, end - at);
    if (space) mx_str_append(out, mark, mark_size), end++;
    at = end;
  }
  if (p->origin) { /* the first character, replaced or not, and what was put before it */
    bool replaced = text[0] == ' ';
    p->origin = origin + p->origin + (replaced ? mark_size - 1 : 0);
    if (p->origin > out->size - start) p->origin = out->size - start;
  }
}

static int run_metaspace(const step *st, tok_work *w) {
  rewrite(st, w, metaspace);
  return st->split ? run_character(st, w) : 0;
}

static int add(tok_pretokenizer *p, step st) {
  mx_vec_push(&p->steps, st);
  return 0;
}

static int read_behavior(const tok_place *at, const json_t *config, tok_need need, behavior *out) {
  static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
                                      "Contiguous"};
  const char *name = NULL;
  size_t size;
  if (tok_get_text(at, config, "behavior", need, &name, &size)) return -1;
  if (!name) return 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], name)) return *out = (behavior)i, 0;
  return tok_fail(at,
                  "\"behavior\" is \"%s\"; it should be Removed, Isolated, MergedWithPrevious, "
                  "MergedWithNext or Contiguous",
                  name);
}

static int read_split(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  step st = {.run = run_split};
  if (tok_get_bool(at, config, "invert", &st.invert) ||
      read_behavior(at, config, TOK_REQUIRED, &st.behavior) ||
      tok_get_pattern(at, config, &st.regex))
    return -1;
  return add(p, st);
}

#define GPT2_PATTERN \
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

static int read_bytes(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  step st = {.run = run_bytes, .add_prefix_space = true, .use_regex = true, .behavior = ISOLATED};
  if (tok_get_bool(at, config, "add_prefix_space", &st.add_prefix_space) ||
      tok_get_bool(at, config, "use_regex", &st.use_regex))
    return -1;
  if (st.use_regex) {
    st.regex = tok_regex_new(GPT2_PATTERN, sizeof GPT2_PATTERN - 1, "[tokenizer] GPT-2's pattern");
    if (!st.regex) return -1;
  }
  add(p, st);
  return add(p, (step){.run = run_byte_mapping});
}

static int read_metaspace(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  static const char *const schemes[] = {"first", "never", "always"};
  step st = {.run = run_metaspace, .behavior = MERGED_WITH_NEXT, .split = true, .prepend = ALWAYS};
  const char *scheme = "always";
  size_t size = 0, known = 0;
  bool prefix = true;
  if (tok_get_char(at, config, "replacement", &st.character) ||
      tok_get_bool(at, config, "split", &st.split) ||
      tok_get_bool(at, config, "add_prefix_space", &prefix) ||
      tok_get_text(at, config, "prepend_scheme", TOK_OPTIONAL, &scheme, &size))
    return -1;
  while (known < 3 && strcmp(schemes[known], scheme)) known++;
  if (known == 3)
    return tok_fail(at, "\"prepend_scheme\" is \"%s\"; it should be first, never or always",
                    scheme);
  st.prepend = known;
  if (!prefix && size && st.prepend != NEVER)
    return tok_fail(at, "\"add_prefix_space\" is false, but \"prepend_scheme\" is \"%s\"", scheme);
  if (!prefix) st.prepend = NEVER;
  return add(p, st);
}

static int read_digits(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  bool individual = false;
  if (tok_get_bool(at, config, "individual_digits", &individual)) return -1;
  return add(p, (step){.run = run_members,
                       .member = tok_is_number,
                       .behavior = individual ? ISOLATED : CONTIGUOUS});
}

static int read_punctuation(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  step st = {.run = run_members, .member = tok_is_punctuation, .behavior = ISOLATED};
  if (read_behavior(at, config, TOK_OPTIONAL, &st.behavior)) return -1;
  return add(p, st);
}

static int read_bert(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  (void)at, (void)config;
  add(p, (step){.run = run_members, .member = tok_is_space, .behavior = REMOVED});
  return add(p, (step){.run = run_members, .member = tok_is_punctuation, .behavior = ISOLATED});
}

static int read_delimiter(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  step st = {.run = run_character, .behavior = REMOVED};
  if (tok_get_char(at, config, "delimiter", &st.character)) return -1;
  return add(p, st);
}

static int read_length(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  step st = {.run = run_lengths, .behavior = ISOLATED, .length = 5};
  if (tok_get_size(at, config, "length", &st.length)) return -1;
  if (!st.length) return tok_fail(at, "\"length\" should be 1 or more");
  return add(p, st);
}

static int read_any(tok_pretokenizer *p, const tok_place *at, const json_t *config);

static int read_sequence(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  json_t *parts = NULL;
  if (tok_get_array(at, config, "pretokenizers", TOK_REQUIRED, &parts)) return -1;
  for (size_t i = 0; i < json_array_size(parts); i++)
    if (read_any(p, at, json_array_get(parts, i))) return -1;
  return 0;
}

/* Types with fields have a reader; the others are one step. */
static const struct {
  const char *type;
  int (*read)(tok_pretokenizer *p, const tok_place *at, const json_t *config);
  step step;
} kinds[] = {
    {"ByteLevel", read_bytes, {0}},
    {"Split", read_split, {0}},
    {"Metaspace", read_metaspace, {0}},
    {"Digits", read_digits, {0}},
    {"Punctuation", read_punctuation, {0}},
    {"BertPreTokenizer", read_bert, {0}},
    {"CharDelimiterSplit", read_delimiter, {0}},
    {"FixedLength", read_length, {0}},
    {"Sequence", read_sequence, {0}},
    {"Whitespace", NULL, {.run = run_words, .invert = true, .behavior = REMOVED}},
    {"WhitespaceSplit", NULL, {.run = run_members, .member = tok_is_space, .behavior = REMOVED}},
};

static int read_any(tok_pretokenizer *p, const tok_place *at, const json_t *config) {
  const char *type = json_string_value(json_object_get(config, "type"));
  if (!type) return tok_fail(at, "should be an object with a \"type\"");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].type, type)) {
      char section[128];
      snprintf(section, sizeof section, "pre_tokenizer %s", type);
      tok_place inner = {at->file, section};
      return kinds[i].read ? kinds[i].read(p, &inner, config) : add(p, kinds[i].step);
    }
  return tok_fail(at, "unknown type \"%s\"", type);
}

int tok_pretokenizer_new(const tok_place *at, const json_t *config, tok_pretokenizer **out) {
  *out = NULL;
  if (!config || json_is_null(config)) return 0;
  tok_pretokenizer *p = mx_xcalloc(1, sizeof *p);
  if (!read_any(p, at, config)) return *out = p, 0;
  tok_pretokenizer_free(p);
  return -1;
}

void tok_pretokenizer_free(tok_pretokenizer *p) {
  if (!p) return;
  for (size_t i = 0; i < p->steps.size; i++) tok_regex_free(p->steps.data[i].regex);
  mx_vec_free(&p->steps);
  free(p);
}

bool tok_pretokenizer_leaves_bytes(const tok_pretokenizer *p) {
  return p && p->steps.size && mx_vec_last(&p->steps).run == run_byte_mapping;
}

int tok_pretokenize(const tok_pretokenizer *p, tok_work *work) {
  size_t count = !p ? 0 : p->steps.size - tok_pretokenizer_leaves_bytes(p);
  for (size_t i = 0; i < count; i++)
    if (p->steps.data[i].run(&p->steps.data[i], work)) return -1;
  return 0;
}
