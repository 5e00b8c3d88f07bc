/* Streams: ordered queues of work on a device. */
#ifndef MLX_C_STREAM_H
#define MLX_C_STREAM_H

#include "mlx/c/device.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An operation that is given an empty handle goes to the default device's default stream. */
typedef struct mlx_stream_ {
  void *ctx;
} mlx_stream;

/* An empty handle, to be filled. */
mlx_stream mlx_stream_new(void);
/* A new stream on the device. */
mlx_stream mlx_stream_new_device(mlx_device dev);
int mlx_stream_set(mlx_stream *stream, const mlx_stream src);
/* Frees the handle; the stream lives on. */
int mlx_stream_free(mlx_stream stream);
/* "Stream(Device(cpu, 0), 0)". */
int mlx_stream_tostring(mlx_string *str, mlx_stream stream);
bool mlx_stream_equal(mlx_stream lhs, mlx_stream rhs);
int mlx_stream_get_device(mlx_device *dev, mlx_stream stream);
int mlx_stream_get_index(int *index, mlx_stream stream);
/* Waits for everything scheduled on the stream. */
int mlx_synchronize(mlx_stream stream);
int mlx_get_default_stream(mlx_stream *stream, mlx_device dev);
/* Makes the stream its device's default. */
int mlx_set_default_stream(mlx_stream stream);
mlx_stream mlx_default_cpu_stream_new(void);
/* An error without a GPU, unless the environment has MLX_GPU_FALLBACK=cpu. */
mlx_stream mlx_default_gpu_stream_new(void);

#ifdef __cplusplus
}
#endif
#endif
