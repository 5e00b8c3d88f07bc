/* Where bytes are read from and written to: the program's own streams, behind function tables. */
#ifndef MLX_C_IO_TYPES_H
#define MLX_C_IO_TYPES_H

#include "mlx/c/string.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlx_io_reader_ {
  void *ctx;
} mlx_io_reader;

typedef struct mlx_io_writer_ {
  void *ctx;
} mlx_io_writer;

/* Each function is given the stream's descriptor. A read or write that fails makes good() false
 * from then on. Offsets count from the stream's beginning; whence is SEEK_SET, SEEK_CUR or
 * SEEK_END. A reader needs no write and a writer no read. */
typedef struct mlx_io_vtable_ {
  bool (*is_open)(void *);
  bool (*good)(void *);
  size_t (*tell)(void *);
  void (*seek)(void *, int64_t off, int whence);
  void (*read)(void *, char *data, size_t n);
  void (*read_at_offset)(void *, char *data, size_t n, size_t off);
  void (*write)(void *, const char *data, size_t n);
  const char *(*label)(void *); /* names the stream in messages */
  void (*free)(void *);         /* the last use of the descriptor */
} mlx_io_vtable;

mlx_io_reader mlx_io_reader_new(void *desc, mlx_io_vtable vtable);
int mlx_io_reader_descriptor(void **desc_, mlx_io_reader io);
/* The label. */
int mlx_io_reader_tostring(mlx_string *str_, mlx_io_reader io);
int mlx_io_reader_free(mlx_io_reader io);

mlx_io_writer mlx_io_writer_new(void *desc, mlx_io_vtable vtable);
int mlx_io_writer_descriptor(void **desc_, mlx_io_writer io);
int mlx_io_writer_tostring(mlx_string *str_, mlx_io_writer io);
int mlx_io_writer_free(mlx_io_writer io);

#ifdef __cplusplus
}
#endif
#endif
