/* Normalizers. Each step reads a text and writes another, keeping count of what comes from the
 * input's first character. */
#include "lm/tokenizer/normalizer.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "lm/tokenizer/forms.h"
#include "lm/tokenizer/model.h"
#include "lm/tokenizer/precompiled.h"
#include "lm/tokenizer/regex.h"
#include "lm/tokenizer/unicode.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

typedef struct step step;

/* What a step writes to. */
typedef struct {
  mx_str *out;
  size_t origin_in, origin_out;
  bool leading; /* all that was written so far comes from the origin */
} sink;

/* Writes bytes that stand for what is at `from` in the input. */
static void put(sink *s, const char *bytes, size_t size, size_t from) {
  mx_str_append(s->out, bytes, size);
  s->leading = s->leading && from < s->origin_in;
  if (s->leading) s->origin_out += size;
}

static void put_char(sink *s, uint32_t c, size_t from) {
  char bytes[4];
  put(s, bytes, tok_utf8_put(c, bytes), from);
}

struct step {
  int (*run)(const step *st, const char *text, size_t size, sink *s);
  tok_form form;
  tok_regex *regex;
  char *content;
  size_t content_size;
  tok_charsmap *map;
  bool left, right;
};

struct tok_normalizer {
  MX_VEC(step) steps;
};

/* Runs a function over the characters; it writes what each becomes. */
#define EACH_CHARACTER(c, at)                                  \
  for (size_t at = 0, size_##c = 0; at < size; at += size_##c) \
    for (uint32_t c = tok_utf8_at(text + at, &size_##c), once_##c = 1; once_##c; once_##c = 0)

static int run_form(const step *st, const char *text, size_t size, sink *s) {
  if (tok_form_holds(st->form, text, size)) {
    mx_str_append(s->out, text, size);
    s->origin_out = s->origin_in;
    return 0;
  }
  tok_form_apply(st->form, text, s->origin_in, s->out);
  s->origin_out = s->out->size;
  mx_str_clear(s->out);
  tok_form_apply(st->form, text, size, s->out);
  if (s->origin_out > s->out->size) s->origin_out = s->out->size;
  return 0;
}

static int run_lowercase(const step *st, const char *text, size_t size, sink *s) {
  (void)st;
  EACH_CHARACTER(c, at) {
    uint32_t lower[2];
    size_t n = tok_lowercase(c, lower);
    for (size_t i = 0; i < n; i++) put_char(s, lower[i], at);
  }
  return 0;
}

static int run_strip(const step *st, const char *text, size_t size, sink *s) {
  size_t from = 0, to = size, step;
  while (st->left && from < size) {
    if (!tok_is_space(tok_utf8_at(text + from, &step))) break;
    from += step;
  }
  while (st->right && to > from) {
    size_t before = to - 1;
    while ((text[before] & 0xc0) == 0x80) before--;
    if (!tok_is_space(tok_utf8_at(text + before, &step))) break;
    to = before;
  }
  for (size_t at = from; at < to; at += step) {
    step = at < s->origin_in ? tok_utf8_size((unsigned char)text[at]) : to - at;
    put(s, text + at, step, at);
  }
  return 0;
}

static int run_strip_accents(const step *st, const char *text, size_t size, sink *s) {
  (void)st;
  EACH_CHARACTER(c, at) if (!tok_is_mark(c)) put(s, text + at, size_c, at);
  return 0;
}

static int run_strip_nonspacing(const step *st, const char *text, size_t size, sink *s) {
  (void)st;
  EACH_CHARACTER(c, at) if (!tok_is_nonspacing_mark(c)) put(s, text + at, size_c, at);
  return 0;
}

static int run_bert_clean(const step *st, const char *text, size_t size, sink *s) {
  (void)st;
  EACH_CHARACTER(c, at) {
    if (c == 0 || c == 0xfffd || tok_is_bert_control(c)) continue;
    if (tok_is_space(c))
      put(s, " ", 1, at);
    else
      put(s, text + at, size_c, at);
  }
  return 0;
}

static int run_bert_chinese(const step *st, const char *text, size_t size, sink *s) {
  static const tok_range ideographs[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
                                         {0x20000, 0x2a6df}, {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f},
                                         {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
  (void)st;
  EACH_CHARACTER(c, at) {
    bool spaced =
        c >= 0x3400 && tok_in_ranges(ideographs, sizeof ideographs / sizeof *ideographs, c);
    if (spaced) put(s, " ", 1, at);
    put(s, text + at, size_c, at);
    if (spaced) put(s, " ", 1, at);
  }
  return 0;
}

static int run_nmt(const step *st, const char *text, size_t size, sink *s) {
  static const tok_range removed[] = {{0x1, 0x8},   {0xb, 0xb},   {0xe, 0x1f},
                                      {0x7f, 0x7f}, {0x8f, 0x8f}, {0x9f, 0x9f}};
  static const tok_range spaces[] = {{0x9, 0xa},       {0xc, 0xd},       {0x1680, 0x1680},
                                     {0x200b, 0x200f}, {0x2028, 0x2029}, {0x2581, 0x2581},
                                     {0xfeff, 0xfeff}, {0xfffd, 0xfffd}};
  (void)st;
  EACH_CHARACTER(c, at) {
    if (tok_in_ranges(removed, sizeof removed / sizeof *removed, c)) continue;
    if (tok_in_ranges(spaces, sizeof spaces / sizeof *spaces, c))
      put(s, " ", 1, at);
    else
      put(s, text + at, size_c, at);
  }
  return 0;
}

static int run_prepend(const step *st, const char *text, size_t size, sink *s) {
  if (!size) return 0;
  put(s, st->content, st->content_size, 0);
  for (size_t at = 0, step; at < size; at += step) {
    step = at < s->origin_in ? s->origin_in - at : size - at;
    put(s, text + at, step, at);
  }
  return 0;
}

static int run_replace(const step *st, const char *text, size_t size, sink *s) {
  if (!size) return 0;
  tok_find f;
  size_t done = 0, start, end;
  int rc;
  tok_find_start(&f, st->regex, text, size);
  for (;;) {
    rc = tok_find_next(&f, &start, &end);
    if (rc <= 0) start = size;
    for (size_t at = done, step; at < start; at += step) {
      step = at < s->origin_in && s->origin_in < start ? s->origin_in - at : start - at;
      put(s, text + at, step, at);
    }
    if (rc <= 0) break;
    put(s, st->content, st->content_size, end ? end - 1 : 0);
    done = end;
  }
  tok_find_end(&f);
  return rc;
}

static int run_bytes(const step *st, const char *text, size_t size, sink *s) {
  (void)st;
  EACH_CHARACTER(c, at) {
    (void)c;
    for (size_t i = 0; i < size_c; i++) put_char(s, tok_byte_char((unsigned char)text[at + i]), at);
  }
  return 0;
}

/* One grapheme cluster: whole if it is short and known, else character by character. */
static void map_cluster(const step *st, const char *text, size_t size, size_t from, sink *s) {
  size_t length;
  const char *mapped = size < 6 ? tok_charsmap_find(st->map, text, size, &length) : NULL;
  if (mapped) {
    put(s, mapped, length, from);
    return;
  }
  EACH_CHARACTER(c, at) {
    (void)c;
    mapped = tok_charsmap_find(st->map, text + at, size_c, &length);
    if (mapped)
      put(s, mapped, length, from + at);
    else
      put(s, text + at, size_c, from + at);
  }
}

static int run_precompiled(const step *st, const char *text, size_t size, sink *s) {
  size_t begin = 0;
  uint32_t last = 0;
  utf8proc_int32_t state = 0;
  EACH_CHARACTER(c, at) {
    if (at &&
        utf8proc_grapheme_break_stateful((utf8proc_int32_t)last, (utf8proc_int32_t)c, &state)) {
      map_cluster(st, text + begin, at - begin, begin, s);
      begin = at;
    }
    last = c;
  }
  if (begin < size) map_cluster(st, text + begin, size - begin, begin, s);
  return 0;
}

int tok_normalize(const tok_normalizer *n, mx_str *text, size_t *origin) {
  mx_str other = {0};
  int rc = 0;
  for (size_t i = 0; n && i < n->steps.size && !rc; i++) {
    const step *st = &n->steps.data[i];
    sink s = {&other, *origin, 0, true};
    mx_str_clear(&other);
    rc = st->run(st, mx_str_c(text), text->size, &s);
    mx_str swap = *text;
    *text = other, other = swap;
    *origin = s.origin_out;
  }
  mx_str_free(&other);
  return rc;
}

static int add(tok_normalizer *n, step st) {
  mx_vec_push(&n->steps, st);
  return 0;
}

static int read_strip(tok_normalizer *n, const tok_place *at, const json_t *config) {
  step st = {.run = run_strip, .left = true, .right = true};
  if (tok_get_bool(at, config, "strip_left", &st.left) ||
      tok_get_bool(at, config, "strip_right", &st.right))
    return -1;
  return add(n, st);
}

static int read_bert(tok_normalizer *n, const tok_place *at, const json_t *config) {
  bool clean = true, chinese = true, lowercase = true;
  if (tok_get_bool(at, config, "clean_text", &clean) ||
      tok_get_bool(at, config, "handle_chinese_chars", &chinese) ||
      tok_get_bool(at, config, "lowercase", &lowercase))
    return -1;
  bool strip = lowercase;
  if (tok_get_bool(at, config, "strip_accents", &strip)) return -1;
  if (clean) add(n, (step){.run = run_bert_clean});
  if (chinese) add(n, (step){.run = run_bert_chinese});
  if (strip) {
    add(n, (step){.run = run_form, .form = TOK_NFD});
    add(n, (step){.run = run_strip_nonspacing});
  }
  if (lowercase) add(n, (step){.run = run_lowercase});
  return 0;
}

static int read_prepend(tok_normalizer *n, const tok_place *at, const json_t *config) {
  step st = {.run = run_prepend};
  const char *text = NULL;
  if (tok_get_text(at, config, "prepend", TOK_REQUIRED, &text, &st.content_size)) return -1;
  st.content = mx_xstrndup(text, st.content_size);
  return add(n, st);
}

static int read_replace(tok_normalizer *n, const tok_place *at, const json_t *config) {
  step st = {.run = run_replace};
  const char *text = NULL;
  if (tok_get_text(at, config, "content", TOK_REQUIRED, &text, &st.content_size) ||
      tok_get_pattern(at, config, &st.regex))
    return -1;
  st.content = mx_xstrndup(text, st.content_size);
  return add(n, st);
}

static int read_precompiled(tok_normalizer *n, const tok_place *at, const json_t *config) {
  step st = {.run = run_precompiled};
  const char *text = NULL;
  size_t size = 0;
  if (tok_get_text(at, config, "precompiled_charsmap", TOK_REQUIRED, &text, &size)) return -1;
  if (!size) return 0;
  st.map = tok_charsmap_new(text, size);
  if (!st.map) return tok_fail(at, "\"precompiled_charsmap\" is not a character map in base64");
  return add(n, st);
}

static int read_any(tok_normalizer *n, const tok_place *at, const json_t *config);

static int read_sequence(tok_normalizer *n, const tok_place *at, const json_t *config) {
  json_t *parts = NULL;
  if (tok_get_array(at, config, "normalizers", TOK_REQUIRED, &parts)) return -1;
  for (size_t i = 0; i < json_array_size(parts); i++)
    if (read_any(n, at, json_array_get(parts, i))) return -1;
  return 0;
}

/* Types with fields have a reader; the others are one step. */
static const struct {
  const char *type;
  int (*read)(tok_normalizer *n, const tok_place *at, const json_t *config);
  step step;
} kinds[] = {
    {"NFC", NULL, {.run = run_form, .form = TOK_NFC}},
    {"NFD", NULL, {.run = run_form, .form = TOK_NFD}},
    {"NFKC", NULL, {.run = run_form, .form = TOK_NFKC}},
    {"NFKD", NULL, {.run = run_form, .form = TOK_NFKD}},
    {"Lowercase", NULL, {.run = run_lowercase}},
    {"StripAccents", NULL, {.run = run_strip_accents}},
    {"Nmt", NULL, {.run = run_nmt}},
    {"ByteLevel", NULL, {.run = run_bytes}},
    {"Strip", read_strip, {0}},
    {"BertNormalizer", read_bert, {0}},
    {"Prepend", read_prepend, {0}},
    {"Replace", read_replace, {0}},
    {"Precompiled", read_precompiled, {0}},
    {"Sequence", read_sequence, {0}},
};

static int read_any(tok_normalizer *n, const tok_place *at, const json_t *config) {
  const char *type = json_string_value(json_object_get(config, "type"));
  if (!type) return tok_fail(at, "should be an object with a \"type\"");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].type, type)) {
      char section[128];
      snprintf(section, sizeof section, "normalizer %s", type);
      tok_place inner = {at->file, section};
      return kinds[i].read ? kinds[i].read(n, &inner, config) : add(n, kinds[i].step);
    }
  return tok_fail(at, "unknown type \"%s\"", type);
}

int tok_normalizer_new(const tok_place *at, const json_t *config, tok_normalizer **out) {
  *out = NULL;
  if (!config || json_is_null(config)) return 0;
  tok_normalizer *n = mx_xcalloc(1, sizeof *n);
  if (!read_any(n, at, config)) return *out = n, 0;
  tok_normalizer_free(n);
  return -1;
}

void tok_normalizer_free(tok_normalizer *n) {
  if (!n) return;
  for (size_t i = 0; i < n->steps.size; i++) {
    tok_regex_free(n->steps.data[i].regex);
    free(n->steps.data[i].content);
    tok_charsmap_free(n->steps.data[i].map);
  }
  mx_vec_free(&n->steps);
  free(n);
}
