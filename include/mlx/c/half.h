/* 16-bit float types of the compiler, where the machine has them (arm64). HAS_FLOAT16 and
 * HAS_BFLOAT16 say so; elsewhere 16-bit elements are read as mlx_array_data_uint16, or converted.
 */
#ifndef MLX_C_HALF_H
#define MLX_C_HALF_H

#if defined(__ARM_FEATURE_FP16_SCALAR_ARITHMETIC) || defined(__aarch64__)
#define HAS_FLOAT16
#include <arm_fp16.h>
typedef __fp16 float16_t;
#endif

#if defined(__ARM_FEATURE_BF16) || defined(__aarch64__)
#define HAS_BFLOAT16
#include <arm_bf16.h>
typedef __bf16 bfloat16_t;
#endif

#endif
