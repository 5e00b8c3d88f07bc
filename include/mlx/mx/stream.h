/* Devices, streams, and evaluation. */
#ifndef MLX_MX_STREAM_H
#define MLX_MX_STREAM_H

#include "mlx/mx/array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mx_device_type { MX_CPU, MX_GPU } mx_device_type;

typedef struct mx_device {
  mx_device_type type;
  int index;
} mx_device;

/* An ordered queue of work on a device, served by a worker thread of its own. */
typedef struct mx_stream {
  int index; /* among all streams of the process; -1 is no stream */
  mx_device device;
} mx_stream;

/* Whether the device can run work. Without a GPU backend the GPU can only where the environment has
 * MLX_GPU_FALLBACK=cpu: then GPU streams run on the CPU. */
MX_API bool mx_is_device_available(mx_device device);
MX_API int mx_device_count(mx_device_type type);
MX_API mx_device mx_default_device(void);
/* 0, or -1 after mx_fail where the device is not available. */
MX_API int mx_set_default_device(mx_device device);

/* The device's default stream; index -1 after mx_fail where it is not available. */
MX_API mx_stream mx_default_stream(mx_device device);
/* Makes the stream its device's default. 0, or -1 after mx_fail. */
MX_API int mx_set_default_stream(mx_stream stream);
MX_API mx_stream mx_new_stream(mx_device device);
/* Whether this process has made the stream. */
MX_API bool mx_is_stream(mx_stream stream);
/* The stream that this thread's operations are recorded on: the one it uses (below), else the
 * default device's default. */
MX_API mx_stream mx_current_stream(void);
/* From here on this thread's operations go to the stream, or (index -1) to the default again.
 * Returns what was used before, to be set again. */
MX_API mx_stream mx_use_stream(mx_stream stream);
/* Waits for everything scheduled on the stream. */
MX_API void mx_synchronize(mx_stream stream);

/* Evaluates the arrays and waits. 0, or -1 after mx_fail. NULL among them is a failure. */
MX_API int mx_eval_arrays(const mx *arrays, int count);
/* Schedules the arrays and returns at once; whoever reads them waits for them. */
MX_API int mx_async_eval_arrays(const mx *arrays, int count);

#define MX_COUNT_(...) ((int)(sizeof((mx[]){__VA_ARGS__}) / sizeof(mx)))
#define mx_eval(...) mx_eval_arrays((mx[]){__VA_ARGS__}, MX_COUNT_(__VA_ARGS__))
#define mx_async_eval(...) mx_async_eval_arrays((mx[]){__VA_ARGS__}, MX_COUNT_(__VA_ARGS__))

#ifdef __cplusplus
}
#endif
#endif
