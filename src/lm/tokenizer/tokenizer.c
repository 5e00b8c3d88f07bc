/* The pipeline: added tokens are found, what lies between is normalised, cut, encoded word by word,
 * and dressed with special tokens; and the way back. */
#include "lm/tokenizer/tokenizer.h"
#include "base/alloc.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_LIMIT (256u << 20)
#define KEPT_TEXT (4u << 20) /* after a longer text, a desk's buffers are not kept */

struct tok_desk {
  tok_desk *next;
  tok_scratch *scratch;
  tok_work work;
  tok_stretches raw, inner;
  mx_str repaired, normalized;
};

static void free_desk(tok_desk *d) {
  tok_scratch_free(d->scratch);
  mx_str_free(&d->work.text);
  mx_str_free(&d->work.spare_text);
  mx_vec_free(&d->work.pieces);
  mx_vec_free(&d->work.spare_pieces);
  mx_vec_free(&d->raw);
  mx_vec_free(&d->inner);
  mx_str_free(&d->repaired);
  mx_str_free(&d->normalized);
  free(d);
}

static tok_desk *take_desk(mlx_lm_tokenizer *t) {
  pthread_mutex_lock(&t->lock);
  tok_desk *d = t->idle;
  if (d) t->idle = d->next;
  pthread_mutex_unlock(&t->lock);
  if (d) return d;
  d = mx_xcalloc(1, sizeof *d);
  d->scratch = tok_scratch_new();
  return d;
}

static void return_desk(mlx_lm_tokenizer *t, tok_desk *d, size_t text_size) {
  if (text_size > KEPT_TEXT) {
    free_desk(d);
    return;
  }
  pthread_mutex_lock(&t->lock);
  d->next = t->idle;
  t->idle = d;
  pthread_mutex_unlock(&t->lock);
}

/* Normalises the text between raw added tokens and finds the others in it. */
static int add_stretch(const mlx_lm_tokenizer *t, tok_desk *d, const char *text, tok_stretch s) {
  mx_str *n = &d->normalized;
  mx_str_clear(n);
  mx_str_append(n, text + s.start, s.end - s.start);
  size_t origin = s.start ? 0 : tok_utf8_size((unsigned char)text[0]);
  if (tok_normalize(t->normalizer, n, &origin)) return -1;
  size_t base = d->work.text.size;
  mx_str_append(&d->work.text, mx_str_c(n), n->size);
  d->inner.size = 0;
  tok_added_split(&t->added, true, mx_str_c(n), n->size, &d->inner);
  tok_piece whole = {base, n->size, origin, origin > 0, -1};
  for (size_t i = 0; i < d->inner.size; i++) {
    tok_piece part = tok_piece_part(&whole, d->inner.data[i].start, d->inner.data[i].end);
    part.id = d->inner.data[i].id;
    mx_vec_push(&d->work.pieces, part);
  }
  return 0;
}

static int encode_at(const mlx_lm_tokenizer *t, tok_desk *d, const char *text, size_t size,
                     tok_ids *ids) {
  mx_str_clear(&d->work.text);
  d->work.pieces.size = d->raw.size = 0;
  tok_added_split(&t->added, false, text, size, &d->raw);
  for (size_t i = 0; i < d->raw.size; i++) {
    tok_stretch s = d->raw.data[i];
    if (s.id >= 0)
      mx_vec_push(&d->work.pieces, (tok_piece){0, 0, 0, false, s.id});
    else if (add_stretch(t, d, text, s))
      return -1;
  }
  if (tok_pretokenize(t->pretokenizer, &d->work)) return -1;
  for (size_t i = 0; i < d->work.pieces.size; i++) {
    const tok_piece *p = &d->work.pieces.data[i];
    if (p->id >= 0)
      mx_vec_push(ids, p->id);
    else if (p->size && t->model->kind->encode(t->model, d->scratch, d->work.text.data + p->start,
                                               p->size, t->leaves_bytes, ids))
      return -1;
  }
  return 0;
}

int32_t *mlx_lm_tokenizer_encode(const mlx_lm_tokenizer *tokenizer, const char *text, size_t length,
                                 bool add_special_tokens, size_t *count) {
  *count = 0;
  if (!tokenizer) return mx_fail("[tokenizer] no tokenizer to encode with");
  if (length > TEXT_LIMIT)
    return mx_fail("[tokenizer] a text of %zu bytes is too long; at most %u", length, TEXT_LIMIT);
  mlx_lm_tokenizer *t = (mlx_lm_tokenizer *)tokenizer; /* its desks are no part of what it is */
  tok_desk *d = take_desk(t);
  if (length && tok_utf8_valid_prefix(text, length) != length) {
    mx_str_clear(&d->repaired);
    tok_utf8_repair(&d->repaired, text, length);
    text = d->repaired.data;
    length = d->repaired.size;
  }
  tok_ids ids = {0};
  mx_vec_reserve(&ids, length / 4 + 16);
  int rc = encode_at(t, d, text, length, &ids);
  return_desk(t, d, length);
  if (rc) {
    mx_vec_free(&ids);
    return NULL;
  }
  tok_postprocess(t->postprocessor, add_special_tokens, &ids);
  mx_vec_reserve(&ids, 1); /* no tokens are an array too */
  *count = ids.size;
  return ids.data;
}

const char *tok_text_of(const mlx_lm_tokenizer *t, int32_t id, size_t *size) {
  const char *text = tok_vocab_text(&t->added.names, id, size);
  return text ? text : tok_vocab_text(&t->model->vocab, id, size);
}

char *mlx_lm_tokenizer_decode(const mlx_lm_tokenizer *tokenizer, const int32_t *ids, size_t count,
                              bool skip_special_tokens, size_t *length) {
  if (!tokenizer) return mx_fail("[tokenizer] no tokenizer to decode with");
  tok_texts texts = {0};
  for (size_t i = 0; i < count; i++) {
    size_t size;
    const char *text = tok_text_of(tokenizer, ids[i], &size);
    if (ids[i] < 0) {
      tok_texts_free(&texts);
      return mx_fail("[tokenizer] %d is no token id: ids are 0 or more", ids[i]);
    }
    if (!text) continue;
    if (skip_special_tokens && tok_vocab_find(&tokenizer->added.special, text, size) >= 0) continue;
    mx_str_append(&texts.text, text, size);
    tok_texts_end(&texts);
  }
  int rc = tok_decode(tokenizer->decoder, &texts);
  if (length) *length = texts.text.size;
  char *text = rc ? NULL : mx_str_take(&texts.text);
  tok_texts_free(&texts);
  return text;
}

int32_t mlx_lm_tokenizer_token_to_id(const mlx_lm_tokenizer *tokenizer, const char *token,
                                     size_t length) {
  int32_t id = tok_vocab_find(&tokenizer->added.names, token, length);
  return id >= 0 ? id : tok_vocab_find(&tokenizer->model->vocab, token, length);
}

const char *mlx_lm_tokenizer_id_to_token(const mlx_lm_tokenizer *tokenizer, int32_t id,
                                         size_t *length) {
  size_t size;
  return tok_text_of(tokenizer, id, length ? length : &size);
}

size_t mlx_lm_tokenizer_base_vocab_size(const mlx_lm_tokenizer *tokenizer) {
  return tokenizer->model->vocab.count;
}

size_t mlx_lm_tokenizer_vocab_size(const mlx_lm_tokenizer *tokenizer) {
  const tok_vocab *added = &tokenizer->added.names, *model = &tokenizer->model->vocab;
  size_t count = model->count;
  for (size_t i = 0; i < added->count; i++)
    count += tok_vocab_find(model, added->arena.data + added->entries[i].offset,
                            added->entries[i].size) < 0;
  return count;
}

bool mlx_lm_tokenizer_is_special(const mlx_lm_tokenizer *tokenizer, int32_t id) {
  size_t size;
  const char *text = tok_text_of(tokenizer, id, &size);
  return text && tok_vocab_find(&tokenizer->added.special, text, size) >= 0;
}

void mlx_lm_tokenizer_free(mlx_lm_tokenizer *t) {
  if (!t) return;
  while (t->idle) {
    tok_desk *next = t->idle->next;
    free_desk(t->idle);
    t->idle = next;
  }
  pthread_mutex_destroy(&t->lock);
  tok_model_free(t->model);
  tok_normalizer_free(t->normalizer);
  tok_pretokenizer_free(t->pretokenizer);
  tok_postprocessor_free(t->postprocessor);
  tok_decoder_free(t->decoder);
  tok_added_free(&t->added);
  for (tok_named_texts *list = &t->special; list;
       list = list == &t->special ? &t->templates : NULL) {
    for (size_t i = 0; i < list->size; i++) free(list->data[i].name), free(list->data[i].text);
    mx_vec_free(list);
  }
  for (size_t i = 0; i < t->additional.size; i++) free(t->additional.data[i]);
  mx_vec_free(&t->additional);
  mx_vec_free(&t->eos);
  free(t);
}
