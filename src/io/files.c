/* What the file formats share: mapped files, arrays inside buffers, and files that appear whole. */
#include "io/files.h"
#include "base/alloc.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

mx mx_io_array(mx_buffer *buffer, size_t offset, mx_dtype dtype, const int *shape, int ndim) {
  mx a = mx_array_alloc(dtype, shape, ndim);
  if (!a) return NULL;
  size_t item = mx_dtype_size(dtype), align = dtype == MX_COMPLEX64 ? 4 : item;
  char *data = (char *)buffer->data + offset;
  if ((uintptr_t)data % align == 0) {
    mx_out_adopt(a, mx_buffer_retain(buffer), offset);
  } else {
    if (!mx_out_alloc(a)) {
      mx_release(a);
      return NULL;
    }
    memcpy(a->data, data, a->size * item);
  }
  atomic_store_explicit(&a->status, MX_AVAILABLE, memory_order_release);
  return a;
}

/* ---- Mapping ---- */

typedef struct {
  void *address;
  size_t bytes;
} mapping;

static void unmap(void *payload) {
  mapping *m = payload;
  munmap(m->address, m->bytes);
  free(m);
}

mx_buffer *mx_io_map(const char *op, const char *path, size_t least) {
  struct stat about;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &about)) {
    mx_fail("[%s] Failed to open %s: %s", op, path, strerror(errno));
    if (fd >= 0) close(fd);
    return NULL;
  }
  void *address = MAP_FAILED;
  size_t bytes = (size_t)about.st_size;
  if (!S_ISREG(about.st_mode))
    mx_fail("[%s] %s is not a regular file", op, path);
  else if (bytes < least)
    mx_fail("%s: too short (%zu bytes) to be what [%s] expects", path, bytes, op);
  else if ((address = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
    mx_fail("%s: cannot be mapped: %s", path, strerror(errno));
  close(fd);
  if (address == MAP_FAILED) return NULL;
  madvise(address, bytes, MADV_HUGEPAGE); /* where the system can: fewer page faults and misses */
  mapping *m = mx_xmalloc(sizeof *m);
  *m = (mapping){address, bytes};
  mx_buffer *buffer = mx_buffer_wrap(address, bytes, unmap, m);
  mx_buffer_wire(buffer); /* the wired limit keeps weights resident */
  return buffer;
}

/* ---- Writing ---- */

static bool write_to_file(void *context, const void *from, size_t bytes) {
  return mx_file_write(context, from, bytes);
}

int mx_io_save(const char *path, const char *extension, int (*write)(mx_sink, const void *),
               const void *contents) {
  size_t length = strlen(path), tail = strlen(extension);
  bool has = length >= tail && !strcmp(path + length - tail, extension);
  mx_str full = {0};
  mx_str_printf(&full, "%s%s", path, has ? "" : extension);
  mx_file_writer w;
  int result = -1;
  if (mx_file_begin(&w, full.data)) {
    result = write((mx_sink){&w, write_to_file, full.data}, contents);
    if (result)
      mx_file_abort(&w);
    else
      result = mx_file_commit(&w) ? 0 : -1;
  }
  mx_str_free(&full);
  return result;
}
