/* A text on its way to the model: cut into pieces, some of which are tokens already. */
#ifndef LM_TOKENIZER_PIECES_H
#define LM_TOKENIZER_PIECES_H

#include "base/str.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  size_t start, size; /* in the text */
  /* How many of its leading bytes come from the first character of the input, and whether the piece
   * was cut where the input begins: Metaspace's "first" scheme asks. */
  size_t origin;
  bool at_start;
  int32_t id; /* an added token's, else -1 */
} tok_piece;

typedef MX_VEC(tok_piece) tok_piece_list;

typedef struct {
  mx_str text, spare_text;
  tok_piece_list pieces, spare_pieces;
} tok_work;

/* The part of a piece from `from` to `to`. */
static inline tok_piece tok_piece_part(const tok_piece *p, size_t from, size_t to) {
  size_t origin = p->origin > from ? p->origin - from : 0;
  return (tok_piece){p->start + from, to - from, origin, origin > 0, -1};
}

#endif
