/* Each family's entries in MLX's files of functions; a list ends with an empty entry. */
#ifndef OPS_CODECS_H
#define OPS_CODECS_H

#include "array/codec.h"

extern const mx_codec mx_unary_codecs[], mx_binary_codecs[], mx_ternary_codecs[], mx_cast_codecs[];

#endif
