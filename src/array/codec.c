/* Visiting the state of primitives: little-endian numbers, lists behind their 64-bit length. */
#include "array/codec.h"
#include "base/alloc.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are written as memory lies");

static void bytes(mx_state *s, void *value, size_t count) {
  if (s->mode == MX_STATE_WRITE) {
    mx_str_append(s->out, value, count);
  } else if (s->failed || count > s->size - s->at) {
    s->failed = true;
    memset(value, 0, count);
  } else {
    memcpy(value, s->in + s->at, count);
    s->at += count;
  }
}

void mx_state_bool(mx_state *s, bool *value) {
  uint8_t byte = *value;
  bytes(s, &byte, 1);
  if (byte > 1) s->failed = true;
  *value = byte == 1;
}

void mx_state_int(mx_state *s, int *value) { bytes(s, value, sizeof *value); }
void mx_state_uint64(mx_state *s, uint64_t *value) { bytes(s, value, sizeof *value); }
void mx_state_float(mx_state *s, float *value) { bytes(s, value, sizeof *value); }
void mx_state_double(mx_state *s, double *value) { bytes(s, value, sizeof *value); }

void mx_state_dtype(mx_state *s, mx_dtype *value) {
  int number = (int)*value;
  uint8_t size = (uint8_t)mx_dtype_size(*value);
  bytes(s, &number, sizeof number);
  bytes(s, &size, 1);
  if (number < 0 || number >= MX_DTYPE_COUNT || size != mx_dtype_size((mx_dtype)number)) {
    s->failed = true;
    number = MX_FLOAT32;
  }
  *value = (mx_dtype)number;
}

static bool length(mx_state *s, int *count, int room) {
  uint64_t n = s->mode == MX_STATE_WRITE ? (uint64_t)*count : 0;
  mx_state_uint64(s, &n);
  if (s->mode == MX_STATE_READ && n > (uint64_t)room) s->failed = true;
  *count = s->failed ? 0 : (int)n;
  return !s->failed;
}

void mx_state_ints(mx_state *s, int *values, int *count, int room) {
  if (length(s, count, room)) bytes(s, values, (size_t)*count * sizeof *values);
}

void mx_state_int64s(mx_state *s, int64_t *values, int *count, int room) {
  if (length(s, count, room)) bytes(s, values, (size_t)*count * sizeof *values);
}

void mx_state_text(mx_state *s, char **text) {
  uint64_t n = s->mode == MX_STATE_WRITE ? strlen(*text) : 0;
  mx_state_uint64(s, &n);
  if (s->mode == MX_STATE_WRITE) {
    bytes(s, *text, n);
    return;
  }
  if (s->failed || n > s->size - s->at) {
    s->failed = true;
    n = 0;
  }
  *text = mx_xcalloc((size_t)n + 1, 1);
  bytes(s, *text, (size_t)n);
}

static const mx_codec *entry_of(const mx_codec *codec, int variant) {
  for (const mx_codec *c = codec; c->name && !strcmp(c->name, codec->name); c++)
    if (c->variant == variant) return c;
  return NULL;
}

const mx_codec *mx_state_variant(mx_state *s, const mx_codec *codec) {
  int variant = codec->variant;
  mx_state_int(s, &variant);
  return s->mode == MX_STATE_WRITE ? codec : entry_of(codec, variant);
}

const mx_codec *mx_state_flag(mx_state *s, const mx_codec *codec) {
  bool flag = codec->variant;
  mx_state_bool(s, &flag);
  return s->mode == MX_STATE_WRITE ? codec : entry_of(codec, flag);
}

const mx_codec *mx_visit_variant(mx_state *s, const mx_codec *codec, void *params) {
  (void)params;
  return mx_state_variant(s, codec);
}

const mx_codec *mx_visit_flag(mx_state *s, const mx_codec *codec, void *params) {
  (void)params;
  return mx_state_flag(s, codec);
}
