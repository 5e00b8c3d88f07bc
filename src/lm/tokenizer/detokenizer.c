/* Detokenizers: text as tokens come, as mlx_lm's three kinds produce it. */
#include "base/alloc.h"
#include "lm/tokenizer/tokenizer.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

struct mlx_lm_detokenizer {
  const mlx_lm_tokenizer *tokenizer;
  tok_ids tokens;
  mx_str text;    /* settled; for the naive kind, followed by the line at hand */
  mx_str pending; /* token texts whose last character is not whole yet */
  size_t offset;  /* where the next segment begins: bytes, for the naive kind characters */
  mx_str segment;
  /* The naive kind alone: tokens of the current line, where it begins in the text, and whether
   * `text` shows all of them. */
  size_t line_token, line_start, line_start_characters;
  bool current;
};

mlx_lm_detokenizer *mlx_lm_detokenizer_new(const mlx_lm_tokenizer *tokenizer) {
  if (!tokenizer) return mx_fail("[detokenizer] no tokenizer to decode with");
  mlx_lm_detokenizer *d = mx_xcalloc(1, sizeof *d);
  d->tokenizer = tokenizer;
  return d;
}

void mlx_lm_detokenizer_reset(mlx_lm_detokenizer *d) {
  d->tokens.size = d->offset = d->line_token = d->line_start = d->line_start_characters = 0;
  d->current = false;
  mx_str_clear(&d->text);
  mx_str_clear(&d->pending);
  mx_str_clear(&d->segment);
}

void mlx_lm_detokenizer_free(mlx_lm_detokenizer *d) {
  if (!d) return;
  mx_vec_free(&d->tokens);
  mx_str_free(&d->text);
  mx_str_free(&d->pending);
  mx_str_free(&d->segment);
  free(d);
}

static bool ends_unfinished(const mx_str *s, size_t from) {
  return s->data && s->size >= from + 3 && !memcmp(s->data + s->size - 3, REPLACEMENT, 3);
}

/* Settles what is pending, as text of `bytes`, unless its end may still become a character. */
static void settle(mlx_lm_detokenizer *d, const mx_str *bytes, bool trim, bool force) {
  size_t from = d->text.size;
  tok_utf8_repair(&d->text, mx_str_c(bytes), bytes->size);
  if (!force && ends_unfinished(&d->text, from)) {
    d->text.size = from;
    return;
  }
  if (trim && !from && d->text.size && d->text.data[0] == ' ')
    memmove(d->text.data, d->text.data + 1, d->text.size--);
  mx_str_clear(&d->pending);
}

/* SentencePiece: byte tokens are bytes, U+2581 is a space. */
static void flush_spm(mlx_lm_detokenizer *d, bool force) {
  mx_str bytes = {0};
  const char *s = mx_str_c(&d->pending);
  for (size_t i = 0; i < d->pending.size;) {
    bool mark = d->pending.size - i >= 3 && !memcmp(s + i, "\xe2\x96\x81", 3);
    mx_str_putc(&bytes, mark ? ' ' : s[i]);
    i += mark ? 3 : 1;
  }
  settle(d, &bytes, d->tokenizer->stream_kind == TOK_SPM, force);
  mx_str_free(&bytes);
}

static void add_spm(mlx_lm_detokenizer *d, int32_t token) {
  size_t size = 0;
  const char *text = tok_text_of(d->tokenizer, token, &size);
  unsigned byte;
  if (text && size >= 5 && !memcmp(text, "<0x", 3) && sscanf(text + 3, "%2x", &byte) == 1)
    mx_str_putc(&d->pending, (char)byte);
  else if (text)
    mx_str_append(&d->pending, text, size);
  flush_spm(d, false);
}

/* Byte-level: each character of a token stands for a byte, or for itself where it stands for none.
 * mlx_lm lets the character of byte 0 stand for itself too, until the end. */
static void flush_bytes(mlx_lm_detokenizer *d, bool force) {
  mx_str bytes = {0};
  for (size_t i = 0, step; i < d->pending.size; i += step) {
    int byte = tok_char_byte(tok_utf8_at(d->pending.data + i, &step));
    if (byte > 0 || (byte == 0 && force))
      mx_str_putc(&bytes, (char)byte);
    else
      mx_str_append(&bytes, d->pending.data + i, step);
  }
  settle(d, &bytes, true, force);
  mx_str_free(&bytes);
}

static void add_bytes(mlx_lm_detokenizer *d, int32_t token) {
  size_t size = 0;
  const char *text = tok_text_of(d->tokenizer, token, &size);
  /* Models may have more outputs than there are tokens. */
  if (text)
    mx_str_append(&d->pending, text, size);
  else if ((size_t)token >= mlx_lm_tokenizer_vocab_size(d->tokenizer))
    mx_str_putc(&d->pending, '!');
  flush_bytes(d, false);
}

/* Decodes the current line anew. */
static void refresh(mlx_lm_detokenizer *d, bool final) {
  if (d->current && !final) return;
  d->current = true;
  d->text.size = d->line_start;
  if (d->text.data) d->text.data[d->text.size] = 0;
  size_t count = d->tokens.size - d->line_token, size;
  if (!count) return;
  char *line =
      mlx_lm_tokenizer_decode(d->tokenizer, d->tokens.data + d->line_token, count, false, &size);
  if (line) mx_str_append(&d->text, line, size);
  free(line);
  bool held = !final && ends_unfinished(&d->text, d->line_start);
  while (!final && ends_unfinished(&d->text, d->line_start)) d->text.size -= 3;
  if (d->text.data) d->text.data[d->text.size] = 0;
  bool ended =
      d->text.size > d->line_start && mx_str_c(&d->text)[d->text.size - 1] == '\n' && !held;
  if (!ended && !final) return;
  d->line_start_characters +=
      tok_utf8_count(mx_str_c(&d->text) + d->line_start, d->text.size - d->line_start);
  d->line_start = d->text.size;
  d->line_token = d->tokens.size;
}

int mlx_lm_detokenizer_add_token(mlx_lm_detokenizer *d, int32_t token) {
  if (token < 0) {
    mx_fail("[detokenizer] %d is no token id: ids are 0 or more", token);
    return -1;
  }
  mx_vec_push(&d->tokens, token);
  if (d->tokenizer->stream_kind == TOK_BPE)
    add_bytes(d, token);
  else if (d->tokenizer->stream_kind == TOK_NAIVE)
    d->current = false;
  else
    add_spm(d, token);
  return 0;
}

void mlx_lm_detokenizer_finalize(mlx_lm_detokenizer *d) {
  if (d->tokenizer->stream_kind == TOK_NAIVE)
    refresh(d, true);
  else if (d->tokenizer->stream_kind == TOK_BPE)
    flush_bytes(d, true);
  else
    flush_spm(d, true);
}

const char *mlx_lm_detokenizer_text(mlx_lm_detokenizer *d, size_t *length) {
  if (d->tokenizer->stream_kind == TOK_NAIVE) refresh(d, false);
  if (d->text.data) d->text.data[d->text.size] = 0;
  if (length) *length = d->text.size;
  return mx_str_c(&d->text);
}

/* Where the next segment begins, of a text decoded by lines. Offsets there count characters, since
 * a line decoded anew may come out shorter, and mlx_lm counts on; `start` and `before` are a place
 * that stands, in bytes and in characters. */
static size_t naive_offset(const mlx_lm_detokenizer *d, size_t start, size_t before) {
  size_t at = d->offset < before ? 0 : start;
  size_t characters = d->offset < before ? d->offset : d->offset - before;
  while (at < d->text.size && characters--) at += tok_utf8_size((unsigned char)d->text.data[at]);
  return at;
}

const char *mlx_lm_detokenizer_last_segment(mlx_lm_detokenizer *d, size_t *length) {
  bool naive = d->tokenizer->stream_kind == TOK_NAIVE;
  size_t size, start = d->line_start, before = d->line_start_characters;
  const char *text = mlx_lm_detokenizer_text(d, &size);
  size_t from = naive ? naive_offset(d, start, before) : d->offset;
  mx_str_clear(&d->segment);
  mx_str_append(&d->segment, text + from, size - from);
  d->offset = size;
  if (naive)
    d->offset =
        d->line_start_characters + tok_utf8_count(text + d->line_start, size - d->line_start);
  if (length) *length = d->segment.size;
  return mx_str_c(&d->segment);
}

const int32_t *mlx_lm_detokenizer_tokens(const mlx_lm_detokenizer *d, size_t *count) {
  *count = d->tokens.size;
  return d->tokens.data;
}
