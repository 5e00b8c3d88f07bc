/* What the file formats share: mapped files, arrays inside buffers, and files that appear whole. */
#ifndef IO_FILES_H
#define IO_FILES_H

#include "array/array.h"
#include "mlx/mx/io.h"

/* A regular file of at least `least` bytes, mapped read-only; unmapped when the last reference
 * goes. NULL after mx_fail, which begins with "[op]" where the file cannot be opened. */
mx_buffer *mx_io_map(const char *op, const char *path, size_t least);

/* An array, which is the caller's, of the row-major elements at `offset` bytes of the buffer: used
 * where they lie, or copied where their address does not suit the dtype. NULL after mx_fail. */
mx mx_io_array(mx_buffer *buffer, size_t offset, mx_dtype dtype, const int *shape, int ndim);

/* Writes a file by `write` into a sink, and renames it into place; the extension is appended to a
 * path that lacks it. 0, or -1 after mx_fail: nothing is left behind. */
int mx_io_save(const char *path, const char *extension,
               int (*write)(mx_sink sink, const void *contents), const void *contents);

#endif
