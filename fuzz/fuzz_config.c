/* config.json: any JSON object is read or refused, field by field; no weights are there to load. */
#include "lm/config.h"
#include "lm/models/families.h"
#include "mlx/mx.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  json_error_t error;
  json_t *root = json_loadb((const char *)data, size, 0, &error);
  if (!json_is_object(root)) {
    json_decref(root);
    return 0;
  }
  lm_config *config = lm_config_new(root, "fuzz");
  for (size_t i = 0; lm_families[i]; i++) {
    lm_weights weights = {.config = config, .source = "fuzz", .arrays = mx_array_map_new()};
    void *state = calloc(1, lm_families[i]->size);
    mx_scope scope = mx_scope_begin();
    lm_families[i]->load(state, config, &weights);
    mx_scope_end(scope, NULL);
    lm_families[i]->release(state);
    free(state);
    mx_array_map_free(weights.arrays);
    config->failed = false;
    mx_error_clear();
  }
  lm_config_free(config);
  return 0;
}
