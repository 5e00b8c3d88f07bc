/* SentencePiece's compiled character maps (the "Precompiled" normalizer). */
#ifndef LM_TOKENIZER_PRECOMPILED_H
#define LM_TOKENIZER_PRECOMPILED_H

#include <stdint.h>
#include <stddef.h>

typedef struct tok_charsmap tok_charsmap;

/* From base64; NULL where it is not a character map. */
tok_charsmap *tok_charsmap_new(const char *base64, size_t size);
void tok_charsmap_free(tok_charsmap *map);

/* What a text maps to: decided by its shortest prefix that the map has. NULL where it has none. */
const char *tok_charsmap_find(const tok_charsmap *map, const char *text, size_t size,
                              size_t *length);

#endif
