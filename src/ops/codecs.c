/* The classes of MLX's files of functions, family by family. */
#include "ops/codecs.h"

#include <string.h>

static const mx_codec *const families[] = {
    mx_unary_codecs,
    mx_binary_codecs,
    mx_ternary_codecs,
    mx_cast_codecs,
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
