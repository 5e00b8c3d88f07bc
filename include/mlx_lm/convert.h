/* Converting checkpoints: quantising, dequantising, changing dtype (mlx_lm.convert). */
#ifndef MLX_LM_CONVERT_H
#define MLX_LM_CONVERT_H

#include "mlx/mx.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_lm_convert_args {
  bool quantize, dequantize;
  int group_size, bits; /* 0: 64 and 4 */
  const char *recipe;   /* of mixed bits: mixed_2_6, mixed_3_4, mixed_3_6, mixed_4_6; or NULL */
  const char *dtype;    /* float16, bfloat16, float32; NULL: the config's torch_dtype, else as is */
  void (*progress)(void *context, int done, int total); /* weights computed; may be NULL */
  void *progress_context;
  double bits_per_weight; /* set by the call */
} mlx_lm_convert_args;

/* Writes the checkpoint of folder `source` to the new folder `target`, which MLX itself can load:
 * weights in files of at most 5 GiB with their index, the config, the tokenizer's files. The folder
 * appears when it is complete. 0, or -1 after mx_fail (nothing is left behind). */
MX_API int mlx_lm_convert(const char *source, const char *target, mlx_lm_convert_args *args);

#ifdef __cplusplus
}
#endif
#endif
