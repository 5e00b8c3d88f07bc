/* The safetensors header, parsed and checked. Apart from the loaders so that it can be fuzzed. */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include "array/array.h"
#include "mlx/mx/io.h"

typedef struct mx_st_tensor {
  char *name;
  mx_dtype dtype;
  int ndim, shape[MX_MAX_NDIM];
  size_t begin, bytes; /* of the data, counted from the end of the header */
} mx_st_tensor;

typedef struct mx_st_header {
  mx_st_tensor *tensors; /* sorted by begin */
  size_t count;
} mx_st_header;

/* Longest header that is read: the limit of the format's own implementation. */
#define MX_ST_MAX_HEADER 100000000

/* Parses the JSON of `length` bytes; data_bytes is what follows the header in the file (SIZE_MAX:
 * unknown). False after mx_fail, which begins with the label. */
bool mx_st_parse(const char *json, size_t length, size_t data_bytes, const char *label,
                 mx_st_header *header, mx_string_map *metadata);
void mx_st_free(mx_st_header *header);
const char *mx_st_dtype_name(mx_dtype dtype); /* NULL where the format has none */

#endif
