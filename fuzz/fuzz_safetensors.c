/* The safetensors header: any bytes are parsed or refused, without a stray read or a leak. */
#include "io/safetensors.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mx_st_header header;
  mx_string_map *metadata = mx_string_map_new();
  if (mx_st_parse((const char *)data, size, 1 << 20, "fuzz", &header, metadata))
    mx_st_free(&header);
  mx_string_map_free(metadata);
  mx_error_clear();
  return 0;
}
