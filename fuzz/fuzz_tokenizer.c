/* Fuzzes tokenizer.json and the text that goes through it. The input is the JSON, then a NUL byte,
 * then a text; without the NUL, the JSON alone with a fixed text. */
#include "mlx_lm/tokenizer_utils.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void exercise(const mlx_lm_tokenizer *t, const char *text, size_t size) {
  size_t count;
  int32_t *ids = mlx_lm_tokenizer_encode(t, text, size, true, &count);
  mx_error_clear();
  if (!ids) return;
  mlx_lm_detokenizer *d = mlx_lm_detokenizer_new(t);
  for (size_t i = 0; i < count && i < 200; i++) { /* lines may take square time: it is documented */
    mlx_lm_detokenizer_add_token(d, ids[i]);
    mlx_lm_detokenizer_last_segment(d, NULL);
  }
  mlx_lm_detokenizer_finalize(d);
  mlx_lm_detokenizer_text(d, NULL);
  mlx_lm_detokenizer_free(d);
  free(mlx_lm_tokenizer_decode(t, ids, count, false, NULL));
  free(mlx_lm_tokenizer_decode(t, ids, count, true, NULL));
  free(ids);
  mx_error_clear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char text[] = "The quick 1234 brown-fox\xc3\xa9\n  \xe4\xbd\xa0 </s> <0x41> \xff.";
  const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
  size_t json_size = cut ? (size_t)(cut - data) : size;
  mlx_lm_tokenizer *t = mlx_lm_tokenizer_from_json((const char *)data, json_size);
  mx_error_clear();
  if (!t) return 0;
  exercise(t, text, sizeof text - 1);
  if (cut) exercise(t, (const char *)cut + 1, size - json_size - 1);
  mlx_lm_tokenizer_free(t);
  return 0;
}
