/* The classes of MLX's files of functions, family by family. */
#include "ops/codecs.h"

#include <string.h>

static const mx_codec *const families[] = {
    mx_unary_codecs,         mx_binary_codecs,  mx_ternary_codecs,        mx_cast_codecs,
    mx_broadcast_codecs,     mx_reshape_codecs, mx_view_codecs,           mx_slice_codecs,
    mx_dynamic_slice_codecs, mx_split_codecs,   mx_join_codecs,           mx_create_codecs,
    mx_index_codecs,         mx_take_codecs,    mx_masked_scatter_codecs, mx_reduce_codecs,
    mx_arg_reduce_codecs,    mx_scan_codecs,    mx_sort_codecs,           mx_matmul_codecs,
    mx_quantize_codecs,      mx_softmax_codecs, mx_norm_codecs,           mx_rope_codecs,
    mx_attention_codecs,     mx_random_codecs,  mx_statistics_codecs,
};

const mx_codec *mx_codec_of(const mx_primitive *primitive) {
  for (size_t f = 0; f < sizeof families / sizeof *families; f++)
    for (const mx_codec *c = families[f]; c->name; c++)
      if (c->primitive == primitive) return c;
  return NULL;
}

const mx_codec *mx_codec_named(const char *name) {
  for (size_t f = 0; f < sizeof families / sizeof *families; f++)
    for (const mx_codec *c = families[f]; c->name; c++)
      if (!strcmp(c->name, name)) return c;
  return NULL;
}
