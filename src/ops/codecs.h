/* Each family's entries in MLX's files of functions; a list ends with an empty entry. */
#ifndef OPS_CODECS_H
#define OPS_CODECS_H

#include "array/codec.h"

extern const mx_codec mx_unary_codecs[];
extern const mx_codec mx_binary_codecs[];
extern const mx_codec mx_ternary_codecs[];
extern const mx_codec mx_cast_codecs[];
extern const mx_codec mx_broadcast_codecs[];
extern const mx_codec mx_reshape_codecs[];
extern const mx_codec mx_view_codecs[];
extern const mx_codec mx_slice_codecs[];
extern const mx_codec mx_dynamic_slice_codecs[];
extern const mx_codec mx_split_codecs[];
extern const mx_codec mx_join_codecs[];
extern const mx_codec mx_create_codecs[];
extern const mx_codec mx_index_codecs[];
extern const mx_codec mx_take_codecs[];
extern const mx_codec mx_masked_scatter_codecs[];
extern const mx_codec mx_reduce_codecs[];
extern const mx_codec mx_arg_reduce_codecs[];
extern const mx_codec mx_scan_codecs[];
extern const mx_codec mx_sort_codecs[];
extern const mx_codec mx_matmul_codecs[];
extern const mx_codec mx_quantize_codecs[];
extern const mx_codec mx_softmax_codecs[];
extern const mx_codec mx_norm_codecs[];
extern const mx_codec mx_rope_codecs[];
extern const mx_codec mx_attention_codecs[];
extern const mx_codec mx_random_codecs[];
extern const mx_codec mx_statistics_codecs[];

#endif
