/* Losses and their gradients are MLX's (tests/golden/make_train.py). */
#include "near.h"

#include "mlx_lm/losses.h"

typedef mx (*loss)(const mx *in);

#define LOSS(name, expression) \
  static mx name(const mx *in) { return expression; }

LOSS(ce, mx_nn_cross_entropy(in[0], in[1]))
LOSS(ce_axis, mx_nn_cross_entropy(in[0], in[1], .axis = 1))
LOSS(ce_weights, mx_nn_cross_entropy(in[0], in[1], .weights = in[2], .reduction = MX_NN_MEAN))
LOSS(ce_smooth, mx_nn_cross_entropy(in[0], in[1], .label_smoothing = 0.2, .reduction = MX_NN_SUM))
LOSS(ce_probs_smooth, mx_nn_cross_entropy(in[0], in[1], .label_smoothing = 0.2))
LOSS(bce, mx_nn_binary_cross_entropy(in[0], in[1]))
LOSS(bce_probs,
     mx_nn_binary_cross_entropy(in[0], in[1], .with_logits = false, .reduction = MX_NN_NONE))
LOSS(bce_weights,
     mx_nn_binary_cross_entropy(in[0], in[1], .weights = in[2], .reduction = MX_NN_SUM))
LOSS(l1, mx_nn_l1_loss(in[0], in[1]))
LOSS(mse, mx_nn_mse_loss(in[0], in[1]))
LOSS(mse_none, mx_nn_mse_loss(in[0], in[1], .reduction = MX_NN_NONE))
LOSS(nll, mx_nn_nll_loss(in[0], in[1]))
LOSS(gaussian, mx_nn_gaussian_nll_loss(in[0], in[1], in[2]))
LOSS(gaussian_full, mx_nn_gaussian_nll_loss(in[0], in[1], in[2], .full = true, .eps = 0.2,
                                            .reduction = MX_NN_NONE))
LOSS(kl_div, mx_nn_kl_div_loss(in[0], in[1]))
LOSS(smooth_l1, mx_nn_smooth_l1_loss(in[0], in[1]))
LOSS(smooth_l1_beta, mx_nn_smooth_l1_loss(in[0], in[1], .beta = 0.5, .reduction = MX_NN_NONE))
LOSS(triplet, mx_nn_triplet_loss(in[0], in[1], in[2]))
LOSS(triplet_margin,
     mx_nn_triplet_loss(in[0], in[1], in[2], .axis = 0, .margin = 2, .reduction = MX_NN_MEAN))
LOSS(hinge, mx_nn_hinge_loss(in[0], in[1]))
LOSS(huber, mx_nn_huber_loss(in[0], in[1]))
LOSS(huber_delta, mx_nn_huber_loss(in[0], in[1], .delta = 0.3, .reduction = MX_NN_MEAN))
LOSS(log_cosh, mx_nn_log_cosh_loss(in[0], in[1]))
LOSS(cosine, mx_nn_cosine_similarity_loss(in[0], in[1]))
LOSS(cosine_axis, mx_nn_cosine_similarity_loss(in[0], in[1], .axis = 0, .reduction = MX_NN_SUM))
LOSS(ranking, mx_nn_margin_ranking_loss(in[0], in[1], in[2]))
LOSS(ranking_margin,
     mx_nn_margin_ranking_loss(in[0], in[1], in[2], .margin = 0.5, .reduction = MX_NN_MEAN))

typedef struct {
  const char *name, *inputs[3];
  loss f;
} case_;

static const case_ cases[] = {
    {"cross_entropy", {"logits", "labels"}, ce},
    {"cross_entropy_half", {"half", "labels"}, ce},
    {"cross_entropy_axis", {"logits", "labels1"}, ce_axis},
    {"cross_entropy_probs", {"logits", "probs"}, ce},
    {"cross_entropy_weights", {"logits", "labels", "weights"}, ce_weights},
    {"cross_entropy_smooth", {"logits", "labels"}, ce_smooth},
    {"cross_entropy_probs_smooth", {"logits", "probs"}, ce_probs_smooth},
    {"binary_cross_entropy", {"a", "t"}, bce},
    {"binary_cross_entropy_probs", {"u", "t"}, bce_probs},
    {"binary_cross_entropy_weights", {"logits", "probs", "weights3"}, bce_weights},
    {"l1", {"a", "b"}, l1},
    {"mse", {"a", "b"}, mse},
    {"mse_none", {"a", "b"}, mse_none},
    {"nll", {"log", "rows"}, nll},
    {"gaussian_nll", {"a", "b", "vars"}, gaussian},
    {"gaussian_nll_full", {"a", "b", "vars"}, gaussian_full},
    {"kl_div", {"log", "logt"}, kl_div},
    {"smooth_l1", {"a", "b"}, smooth_l1},
    {"smooth_l1_beta", {"a", "b"}, smooth_l1_beta},
    {"triplet", {"a", "b", "c"}, triplet},
    {"triplet_margin", {"a", "b", "c"}, triplet_margin},
    {"hinge", {"a", "ones"}, hinge},
    {"huber", {"a", "b"}, huber},
    {"huber_delta", {"a", "b"}, huber_delta},
    {"log_cosh", {"a", "b"}, log_cosh},
    {"cosine_similarity", {"a", "b"}, cosine},
    {"cosine_similarity_axis", {"a", "b"}, cosine_axis},
    {"margin_ranking", {"a", "b", "ones"}, ranking},
    {"margin_ranking_margin", {"a", "b", "ones"}, ranking_margin},
};

enum { CASES = sizeof cases / sizeof *cases };

static double tolerance_of(mx a) { return mx_dtype_of(a) == MX_BFLOAT16 ? 2e-2 : 2e-6; }

static void load(const case_ *c, const mx_array_map *golden, mx *in) {
  for (int i = 0; i < 3; i++) in[i] = c->inputs[i] ? mx_array_map_get(golden, c->inputs[i]) : NULL;
}

static void losses_are_mlx_s(void **state) {
  (void)state;
  mx_array_map *golden = golden_map("losses");
  for (int i = 0; i < CASES; i++) {
    mx in[3];
    load(&cases[i], golden, in);
    mx want = golden_at(golden, "%s.loss", cases[i].name);
    assert_near(cases[i].f(in), want, tolerance_of(in[0]), cases[i].name);
  }
  mx_array_map_free(golden);
}

typedef struct {
  const case_ *c;
  mx in[3];
} problem;

static bool total(void *payload, const mx *in, int count, mx_arrays *out) {
  const problem *p = payload;
  mx all[3] = {in[0], p->in[1], p->in[2]};
  (void)count;
  return mx_arrays_push(out, mx_sum(p->c->f(all)));
}

static void gradients_are_mlx_s(void **state) {
  (void)state;
  mx_array_map *golden = golden_map("losses");
  for (int i = 0; i < CASES; i++) {
    problem p = {.c = &cases[i]};
    load(p.c, golden, p.in);
    mx_fn f = mx_fn_new(total, &p, NULL), gradient = mx_grad(f, MX_INTS(0));
    mx want = golden_at(golden, "%s.gradient", cases[i].name);
    assert_near(mx_call(gradient, p.in[0]), want, 2 * tolerance_of(p.in[0]), cases[i].name);
    mx_fn_release(gradient);
    mx_fn_release(f);
  }
  mx_array_map_free(golden);
}

static void wrong_shapes_are_errors(void **state) {
  (void)state;
  mx a = mx_zeros(MX_INTS(4, 6), MX_FLOAT32), b = mx_zeros(MX_INTS(4, 5), MX_FLOAT32);
  mx classes = mx_zeros(MX_INTS(5), MX_INT32), right = mx_zeros(MX_INTS(4), MX_INT32);
  assert_error(mx_nn_cross_entropy(a, b),
               "[cross_entropy] targets shape (4,5) does not match logits shape (4,6).");
  assert_error(mx_nn_cross_entropy(a, classes),
               "Targets shape (5) does not match logits shape (4,6).");
  assert_error(mx_nn_cross_entropy(a, right, .label_smoothing = 1), "Label smoothing");
  assert_error(mx_nn_cross_entropy(a, right, .weights = classes), "weights shape (5)");
  assert_error(mx_nn_mse_loss(a, b), "[mse_loss] predictions shape (4,6)");
  assert_error(mx_nn_binary_cross_entropy(a, b), "inputs shape (4,6)");
  assert_error(mx_nn_gaussian_nll_loss(a, a, b), "vars shape (4,5)");
  assert_error(mx_nn_margin_ranking_loss(a, a, b), "targets shape (4,5)");
  assert_error(mx_nn_l1_loss(a, a, .reduction = (mx_nn_reduction)7), "The reduction 7");
}

int main(void) {
  const struct CMUnitTest tests[] = {scoped_test(losses_are_mlx_s),
                                     scoped_test(gradients_are_mlx_s),
                                     scoped_test(wrong_shapes_are_errors)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
