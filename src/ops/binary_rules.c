/* Derivatives of operations of two operands. */
#include "ops/binary_rules.h"
#include "mlx/mx/cast.h"
#include "mlx/mx/create.h"
#include "mlx/mx/elementwise.h"

typedef struct {
  mx a, b, y, t; /* the operands, the result, and the tangent or cotangent */
  bool pull;
} terms;

static mx seen(const terms *q, mx x) { return q->pull ? mx_conjugate(x) : x; }
static mx one(mx like) { return mx_scalar(1, like->dtype); }

static mx by_a_add(const terms *q) { return q->t; }
static mx by_b_add(const terms *q) { return q->t; }
static mx by_a_subtract(const terms *q) { return q->t; }
static mx by_b_subtract(const terms *q) { return mx_negative(q->t); }
static mx by_a_multiply(const terms *q) { return mx_multiply(q->t, seen(q, q->b)); }
static mx by_b_multiply(const terms *q) { return mx_multiply(seen(q, q->a), q->t); }
static mx by_a_divide(const terms *q) { return mx_divide(q->t, seen(q, q->b)); }
static mx by_b_divide(const terms *q) {
  mx above = mx_multiply(q->t, seen(q, q->a));
  return mx_negative(mx_divide(above, mx_square(seen(q, q->b))));
}

/* Where both are equal, the second has it all. */
static mx by_a_maximum(const terms *q) { return mx_multiply(q->t, mx_greater(q->a, q->b)); }
static mx by_b_maximum(const terms *q) { return mx_multiply(q->t, mx_less_equal(q->a, q->b)); }
static mx by_a_minimum(const terms *q) { return mx_multiply(q->t, mx_less(q->a, q->b)); }
static mx by_b_minimum(const terms *q) { return mx_multiply(q->t, mx_greater_equal(q->a, q->b)); }

static mx by_a_power(const terms *q) {
  mx lower = mx_power(q->a, mx_subtract(q->b, one(q->a)));
  return mx_multiply(q->t, mx_multiply(lower, q->b));
}
/* 0 * log 0 is 0. */
static mx by_b_power(const terms *q) {
  mx slope = mx_multiply(mx_log(q->a), q->y);
  return mx_multiply(q->t, mx_where(q->y, slope, mx_scalar(0, q->y->dtype)));
}

static mx by_a_remainder(const terms *q) { return q->t; }
static mx by_b_remainder(const terms *q) {
  return mx_negative(mx_multiply(mx_floor(mx_divide(q->a, q->b)), q->t));
}

static mx share(const terms *q) { return mx_sigmoid(mx_subtract(q->a, q->b)); }
static mx by_a_logaddexp(const terms *q) { return mx_multiply(q->t, share(q)); }
static mx by_b_logaddexp(const terms *q) {
  mx s = share(q);
  return s ? mx_multiply(q->t, mx_subtract(one(s), s)) : NULL;
}

static mx over_squares(const terms *q) {
  return mx_divide(q->t, mx_add(mx_square(q->a), mx_square(q->b)));
}
static mx by_a_arctan2(const terms *q) { return mx_multiply(q->b, over_squares(q)); }
static mx by_b_arctan2(const terms *q) { return mx_multiply(mx_negative(q->a), over_squares(q)); }

/* Those without a line here are flat in both. */
static mx (*const partials[MX_BINARY_COUNT][2])(const terms *) = {
#define LINE(op) [MX_BINARY_##op] = {by_a_##op, by_b_##op}
    LINE(add),     LINE(arctan2),  LINE(divide), LINE(logaddexp), LINE(maximum),
    LINE(minimum), LINE(multiply), LINE(power),  LINE(remainder), LINE(subtract),
};

mx mx_binary_term(mx_binary_op op, const mx *in, mx y, int arg, mx t, bool pull) {
  if (!partials[op][arg]) return NULL;
  terms q = {in[0], in[1], y, t, pull};
  return partials[op][arg](&q);
}
