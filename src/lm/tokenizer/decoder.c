/* Decoders. Each step reads a row of texts and writes another. */
#include "lm/tokenizer/decoder.h"
#include "base/alloc.h"
#include "lm/tokenizer/model.h"
#include "lm/tokenizer/regex.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef struct step step;
struct step {
  int (*run)(const step *st, const tok_texts *in, tok_texts *out);
  tok_regex *regex;
  char *content, *delimiter; /* what to put or take off; CTC's word delimiter */
  size_t content_size, delimiter_size, start, stop;
  uint32_t character;
  bool cleanup, keep_first;
};

struct tok_decoder {
  MX_VEC(step) steps;
};

void tok_texts_free(tok_texts *t) {
  mx_str_free(&t->text);
  mx_vec_free(&t->ends);
}

/* Runs over the texts of a row. */
#define EACH_TEXT(in, i, s, size)                                                               \
  for (size_t i = 0, from_ = 0, size = 0; i < (in)->ends.size; from_ = (in)->ends.data[i++])    \
    for (const char *s = (size = (in)->ends.data[i] - from_, mx_str_c(&(in)->text) + from_); s; \
         s = NULL)

/* As Rust's str::replace: an empty pattern stands at every character's side. */
static void replace_all(mx_str *out, const char *s, size_t size, const char *what, size_t what_size,
                        const char *with, size_t with_size) {
  size_t at = 0;
  while (what_size && at < size) {
    const char *hit = memmem(s + at, size - at, what, what_size);
    if (!hit) break;
    mx_str_append(out, s + at, (size_t)(hit - s) - at);
    mx_str_append(out, with, with_size);
    at = (size_t)(hit - s) + what_size;
  }
  for (size_t step; !what_size && at < size; at += step) {
    step = tok_utf8_size((unsigned char)s[at]);
    mx_str_append(out, with, with_size);
    mx_str_append(out, s + at, step);
  }
  mx_str_append(out, s + at, size - at);
  if (!what_size) mx_str_append(out, with, with_size);
}

/* Puts English punctuation back where tokenizing parted it, one rule after the other. */
static void clean_up(mx_str *text, size_t from) {
  static const char *const rules[][2] = {{" .", "."},     {" ?", "?"},           {" !", "!"},
                                         {" ,", ","},     {" ' ", "'"},          {" n't", "n't"},
                                         {" 'm", "'m"},   {" do not", " don't"}, {" 's", "'s"},
                                         {" 've", "'ve"}, {" 're", "'re"}};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    if (!memmem(mx_str_c(text) + from, text->size - from, rules[i][0], strlen(rules[i][0])))
      continue;
    char *copy = mx_xstrndup(text->data + from, text->size - from);
    size_t size = text->size - from;
    text->size = from;
    replace_all(text, copy, size, rules[i][0], strlen(rules[i][0]), rules[i][1],
                strlen(rules[i][1]));
    free(copy);
  }
}

static int run_bytes(const step *st, const tok_texts *in, tok_texts *out) {
  (void)st;
  mx_str bytes = {0};
  EACH_TEXT(in, i, s, size) {
    size_t before = bytes.size, step;
    bool mapped = true;
    for (size_t at = 0; mapped && at < size; at += step) {
      int byte = tok_char_byte(tok_utf8_at(s + at, &step));
      mapped = byte >= 0;
      if (mapped) mx_str_putc(&bytes, (char)byte);
    }
    if (mapped) continue;
    bytes.size = before;
    mx_str_append(&bytes, s, size);
  }
  tok_utf8_repair(&out->text, mx_str_c(&bytes), bytes.size);
  tok_texts_end(out);
  mx_str_free(&bytes);
  return 0;
}

/* The byte that "<0x..>" spells, or -1. As Rust reads it, a sign may stand for the first digit. */
static int spelled_byte(const char *s, size_t size) {
  if (size != 6 || memcmp(s, "<0x", 3) || s[5] != '>') return -1;
  int value = 0;
  for (int i = 3; i < 5; i++) {
    char c = s[i];
    int digit = c >= '0' && c <= '9'                 ? c - '0'
                : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87
                                                     : -1;
    if (c == '+' && i == 3) digit = 0;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/* Writes the bytes gathered so far: as text, or a replacement character each. */
static void flush_bytes(mx_str *bytes, tok_texts *out) {
  if (!bytes->size) return;
  if (tok_utf8_valid_prefix(bytes->data, bytes->size) == bytes->size) {
    mx_str_append(&out->text, bytes->data, bytes->size);
    tok_texts_end(out);
  } else {
    for (size_t i = 0; i < bytes->size; i++) {
      mx_str_append(&out->text, "\xef\xbf\xbd", 3);
      tok_texts_end(out);
    }
  }
  mx_str_clear(bytes);
}

static int run_byte_fallback(const step *st, const tok_texts *in, tok_texts *out) {
  (void)st;
  mx_str bytes = {0};
  EACH_TEXT(in, i, s, size) {
    int byte = spelled_byte(s, size);
    if (byte >= 0) {
      mx_str_putc(&bytes, (char)byte);
      continue;
    }
    flush_bytes(&bytes, out);
    mx_str_append(&out->text, s, size);
    tok_texts_end(out);
  }
  flush_bytes(&bytes, out);
  mx_str_free(&bytes);
  return 0;
}

static int run_fuse(const step *st, const tok_texts *in, tok_texts *out) {
  (void)st;
  mx_str_append(&out->text, mx_str_c(&in->text), in->text.size);
  tok_texts_end(out);
  return 0;
}

static int run_metaspace(const step *st, const tok_texts *in, tok_texts *out) {
  EACH_TEXT(in, i, s, size) {
    for (size_t at = 0, step; at < size; at += step) {
      bool mark = tok_utf8_at(s + at, &step) == st->character;
      if (!mark)
        mx_str_append(&out->text, s + at, step);
      else if (i || st->keep_first)
        mx_str_putc(&out->text, ' ');
    }
    tok_texts_end(out);
  }
  return 0;
}

static int run_replace(const step *st, const tok_texts *in, tok_texts *out) {
  int rc = 0;
  EACH_TEXT(in, i, s, size) {
    tok_find f;
    size_t done = 0, start, end;
    tok_find_start(&f, st->regex, s, size);
    while (size && rc >= 0 && (rc = tok_find_next(&f, &start, &end)) > 0) {
      mx_str_append(&out->text, s + done, start - done);
      mx_str_append(&out->text, st->content, st->content_size);
      done = end;
    }
    tok_find_end(&f);
    mx_str_append(&out->text, s + done, size - done);
    tok_texts_end(out);
  }
  return rc < 0 ? -1 : 0;
}

static int run_strip(const step *st, const tok_texts *in, tok_texts *out) {
  EACH_TEXT(in, i, s, size) {
    size_t from = 0, to = size, step;
    for (size_t n = 0; n < st->start && from < size; n++) {
      if (tok_utf8_at(s + from, &step) != st->character) break;
      from += step;
    }
    for (size_t n = 0; n < st->stop && to > from; n++) {
      size_t before = to - 1;
      while ((s[before] & 0xc0) == 0x80) before--;
      if (tok_utf8_at(s + before, &step) != st->character) break;
      to = before;
    }
    mx_str_append(&out->text, s + from, to - from);
    tok_texts_end(out);
  }
  return 0;
}

static int run_wordpiece(const step *st, const tok_texts *in, tok_texts *out) {
  EACH_TEXT(in, i, s, size) {
    size_t from = out->text.size;
    bool continues = size >= st->content_size && !memcmp(s, st->content, st->content_size);
    size_t skip = i && continues ? st->content_size : 0;
    if (i && !continues) mx_str_putc(&out->text, ' ');
    mx_str_append(&out->text, s + skip, size - skip);
    if (st->cleanup) clean_up(&out->text, from);
    tok_texts_end(out);
  }
  return 0;
}

static int run_bpe(const step *st, const tok_texts *in, tok_texts *out) {
  EACH_TEXT(in, i, s, size) {
    replace_all(&out->text, s, size, st->content, st->content_size, " ", i + 1 < in->ends.size);
    tok_texts_end(out);
  }
  return 0;
}

/* Repeated tokens count once, padding not at all. */
static int run_ctc(const step *st, const tok_texts *in, tok_texts *out) {
  const char *last = NULL;
  size_t last_size = 0;
  EACH_TEXT(in, i, s, size) {
    bool repeated = last && last_size == size && !memcmp(last, s, size);
    last = s, last_size = size;
    if (repeated) continue;
    size_t from = out->text.size;
    replace_all(&out->text, s, size, st->content, st->content_size, "", 0);
    if (st->cleanup) {
      clean_up(&out->text, from);
      char *copy = mx_xstrndup(mx_str_c(&out->text) + from, out->text.size - from);
      size_t copied = out->text.size - from;
      out->text.size = from;
      replace_all(&out->text, copy, copied, st->delimiter, st->delimiter_size, " ", 1);
      free(copy);
    }
    if (out->text.size > from) tok_texts_end(out);
  }
  return 0;
}

int tok_decode(const tok_decoder *d, tok_texts *texts) {
  tok_texts other = {0};
  int rc = 0;
  for (size_t i = 0; d && i < d->steps.size && !rc; i++) {
    tok_texts_clear(&other);
    rc = d->steps.data[i].run(&d->steps.data[i], texts, &other);
    tok_texts swap = *texts;
    *texts = other, other = swap;
  }
  if (!d) {
    EACH_TEXT(texts, i, s, size) {
      if (i) mx_str_putc(&other.text, ' ');
      mx_str_append(&other.text, s, size);
    }
    tok_texts swap = *texts;
    *texts = other, other = swap;
  }
  tok_texts_free(&other);
  return rc;
}

static int add(tok_decoder *d, step st) {
  mx_vec_push(&d->steps, st);
  return 0;
}

static int read_metaspace(tok_decoder *d, const tok_place *at, const json_t *config) {
  step st = {.run = run_metaspace};
  const char *scheme = "always";
  size_t size;
  bool prefix = true;
  if (tok_get_char(at, config, "replacement", &st.character) ||
      tok_get_bool(at, config, "add_prefix_space", &prefix) ||
      tok_get_text(at, config, "prepend_scheme", TOK_OPTIONAL, &scheme, &size))
    return -1;
  st.keep_first = !prefix || !strcmp(scheme, "never");
  return add(d, st);
}

static int read_text(const tok_place *at, const json_t *config, const char *field, char **text,
                     size_t *size) {
  const char *value = NULL;
  if (tok_get_text(at, config, field, TOK_REQUIRED, &value, size)) return -1;
  *text = mx_xstrndup(value, *size);
  return 0;
}

static int read_replace(tok_decoder *d, const tok_place *at, const json_t *config) {
  step st = {.run = run_replace};
  if (tok_get_pattern(at, config, &st.regex)) return -1;
  if (!read_text(at, config, "content", &st.content, &st.content_size)) return add(d, st);
  tok_regex_free(st.regex);
  return -1;
}

static int read_strip(tok_decoder *d, const tok_place *at, const json_t *config) {
  step st = {.run = run_strip};
  if (tok_get_char(at, config, "content", &st.character) ||
      tok_get_size(at, config, "start", &st.start) || tok_get_size(at, config, "stop", &st.stop))
    return -1;
  return add(d, st);
}

static int read_wordpiece(tok_decoder *d, const tok_place *at, const json_t *config) {
  step st = {.run = run_wordpiece, .cleanup = true};
  if (tok_get_bool(at, config, "cleanup", &st.cleanup) ||
      read_text(at, config, "prefix", &st.content, &st.content_size))
    return -1;
  return add(d, st);
}

static int read_bpe(tok_decoder *d, const tok_place *at, const json_t *config) {
  step st = {.run = run_bpe};
  if (read_text(at, config, "suffix", &st.content, &st.content_size)) return -1;
  return add(d, st);
}

static int read_ctc(tok_decoder *d, const tok_place *at, const json_t *config) {
  step st = {.run = run_ctc, .cleanup = true};
  if (tok_get_bool(at, config, "cleanup", &st.cleanup) ||
      read_text(at, config, "pad_token", &st.content, &st.content_size))
    return -1;
  if (!read_text(at, config, "word_delimiter_token", &st.delimiter, &st.delimiter_size))
    return add(d, st);
  free(st.content);
  return -1;
}

static int read_any(tok_decoder *d, const tok_place *at, const json_t *config);

static int read_sequence(tok_decoder *d, const tok_place *at, const json_t *config) {
  json_t *parts = NULL;
  if (tok_get_array(at, config, "decoders", TOK_REQUIRED, &parts)) return -1;
  for (size_t i = 0; i < json_array_size(parts); i++)
    if (read_any(d, at, json_array_get(parts, i))) return -1;
  return 0;
}

/* Types with fields have a reader; the others are one step. */
static const struct {
  const char *type;
  int (*read)(tok_decoder *d, const tok_place *at, const json_t *config);
  step step;
} kinds[] = {
    {"ByteLevel", NULL, {.run = run_bytes}},
    {"ByteFallback", NULL, {.run = run_byte_fallback}},
    {"Fuse", NULL, {.run = run_fuse}},
    {"Metaspace", read_metaspace, {0}},
    {"Replace", read_replace, {0}},
    {"Strip", read_strip, {0}},
    {"WordPiece", read_wordpiece, {0}},
    {"BPEDecoder", read_bpe, {0}},
    {"CTC", read_ctc, {0}},
    {"Sequence", read_sequence, {0}},
};

static int read_any(tok_decoder *d, const tok_place *at, const json_t *config) {
  const char *type = json_string_value(json_object_get(config, "type"));
  if (!type) return tok_fail(at, "should be an object with a \"type\"");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].type, type)) {
      char section[128];
      snprintf(section, sizeof section, "decoder %s", type);
      tok_place inner = {at->file, section};
      return kinds[i].read ? kinds[i].read(d, &inner, config) : add(d, kinds[i].step);
    }
  return tok_fail(at, "unknown type \"%s\"", type);
}

int tok_decoder_new(const tok_place *at, const json_t *config, tok_decoder **out) {
  *out = NULL;
  if (!config || json_is_null(config)) return 0;
  tok_decoder *d = mx_xcalloc(1, sizeof *d);
  if (!read_any(d, at, config)) return *out = d, 0;
  tok_decoder_free(d);
  return -1;
}

void tok_decoder_free(tok_decoder *d) {
  if (!d) return;
  for (size_t i = 0; i < d->steps.size; i++) {
    tok_regex_free(d->steps.data[i].regex);
    free(d->steps.data[i].content);
    free(d->steps.data[i].delimiter);
  }
  mx_vec_free(&d->steps);
  free(d);
}
