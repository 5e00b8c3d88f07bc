/* Devices and streams as names: which exist, which are the defaults. Their workers are src/eval's.
 */
#include "mlx/mx/stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NO_STREAM ((mx_stream){-1, {MX_CPU, 0}})

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stream_count;
static mx_stream defaults[2] = {{-1, {MX_CPU, 0}}, {-1, {MX_GPU, 0}}};
static _Atomic int default_type = MX_CPU;
static _Thread_local mx_stream used = {-1, {MX_CPU, 0}};

static bool gpu_falls_back(void) {
  const char *fallback = getenv("MLX_GPU_FALLBACK");
  return fallback && !strcmp(fallback, "cpu");
}

int mx_device_count(mx_device_type type) { return type == MX_CPU || gpu_falls_back() ? 1 : 0; }

bool mx_is_device_available(mx_device device) {
  return device.index >= 0 && device.index < mx_device_count(device.type);
}

/* Every request for a GPU that is not there gets this answer. */
static bool check_device(mx_device device, const char *op, const char *verb, const char *what) {
  if (mx_is_device_available(device)) return true;
  if (device.type == MX_GPU && !mx_device_count(MX_GPU))
    mx_fail("[%s] Cannot %s gpu %s without gpu backend. (Set MLX_GPU_FALLBACK=cpu to run gpu "
            "streams on the CPU.)",
            op, verb, what);
  else
    mx_fail("[%s] There is no %s device %d.", op, device.type == MX_GPU ? "gpu" : "cpu",
            device.index);
  return false;
}

mx_device mx_default_device(void) {
  return (mx_device){(mx_device_type)atomic_load_explicit(&default_type, memory_order_relaxed), 0};
}

int mx_set_default_device(mx_device device) {
  if (!check_device(device, "set_default_device", "set", "device")) return -1;
  atomic_store(&default_type, device.type);
  return 0;
}

mx_stream mx_new_stream(mx_device device) {
  if (!check_device(device, "new_stream", "make", "stream")) return NO_STREAM;
  pthread_mutex_lock(&lock);
  mx_stream stream = {stream_count++, device};
  pthread_mutex_unlock(&lock);
  return stream;
}

mx_stream mx_default_stream(mx_device device) {
  if (!check_device(device, "default_stream", "get", "stream")) return NO_STREAM;
  pthread_mutex_lock(&lock);
  mx_stream *stream = &defaults[device.type];
  if (stream->index < 0) *stream = (mx_stream){stream_count++, device};
  mx_stream found = *stream;
  pthread_mutex_unlock(&lock);
  return found;
}

int mx_set_default_stream(mx_stream stream) {
  if (!check_device(stream.device, "set_default_stream", "set", "stream")) return -1;
  if (stream.index < 0) {
    mx_fail("[set_default_stream] Not a stream (index %d).", stream.index);
    return -1;
  }
  pthread_mutex_lock(&lock);
  defaults[stream.device.type] = stream;
  pthread_mutex_unlock(&lock);
  return 0;
}

bool mx_is_stream(mx_stream stream) {
  pthread_mutex_lock(&lock);
  bool known = stream.index >= 0 && stream.index < stream_count;
  pthread_mutex_unlock(&lock);
  return known && mx_is_device_available(stream.device);
}

mx_stream mx_current_stream(void) {
  return used.index >= 0 ? used : mx_default_stream(mx_default_device());
}

mx_stream mx_use_stream(mx_stream stream) {
  mx_stream before = used;
  used = stream;
  return before;
}
