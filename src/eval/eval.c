/* Evaluation: puts the nodes behind the wanted arrays in topological order, cuts the order into
 * tasks by stream, and hands these to the workers. Knows no operation. */
#include "eval/worker.h"

#include <pthread.h>
#include <stdlib.h>

/* One scheduler at a time: between the walk and the last submission, the graph is its own. */
static pthread_mutex_t scheduling = PTHREAD_MUTEX_INITIALIZER;

typedef struct {
  mx array;
  int next; /* the input to look at next */
} frame;

typedef struct {
  MX_VEC(frame) path;     /* of the depth-first walk */
  MX_VEC(mx_task *) open; /* at most one a stream */
  bool submitted;         /* some task went out already */
  bool placeholder;       /* something depends on an array that has neither data nor a node */
} plan;

static int status_of(mx a) { return atomic_load_explicit(&a->status, memory_order_acquire); }

static mx_task **open_task(plan *p, int stream) {
  for (size_t i = 0; i < p->open.size; i++)
    if (p->open.data[i]->ticket.stream == stream) return &p->open.data[i];
  return NULL;
}

static void close_task(plan *p, mx_task **slot) {
  mx_task_submit(*slot);
  *slot = mx_vec_last(&p->open);
  p->open.size--;
  p->submitted = true;
}

/* The open task that the node joins. Where the node needs another stream's unfinished work, that
 * work must be on its way, and the node starts a task of its own that waits for it. */
static mx_task *task_for(plan *p, const mx_node *node) {
  int stream = node->stream.index;
  bool fresh = false;
  mx_task **mine = open_task(p, stream);
  for (int i = 0; i < node->input_count; i++) {
    mx in = node->inputs[i];
    if (status_of(in) != MX_SCHEDULED || in->stream == stream) continue;
    mx_task **theirs = open_task(p, in->stream);
    if (theirs && (*theirs)->ticket.number == in->ticket) close_task(p, theirs);
    mine = open_task(p, stream);
    if (mine && !fresh) {
      close_task(p, mine);
      mine = NULL;
    }
    if (!mine) {
      mx_vec_push(&p->open, mx_task_open(stream));
      mine = &mx_vec_last(&p->open);
      fresh = true;
    }
    mx_vec_push(&(*mine)->waits, (mx_ticket){in->stream, in->ticket});
  }
  if (!mine) {
    mx_vec_push(&p->open, mx_task_open(stream));
    mine = &mx_vec_last(&p->open);
  }
  return *mine;
}

static void append(plan *p, mx a) {
  mx_node *node = a->node;
  mx_task *task = task_for(p, node);
  size_t first = task->outputs.size, count = (size_t)node->output_count;
  mx_vec_reserve(&task->outputs, first + count);
  task->outputs.size += count;
  if (count == 1)
    task->outputs.data[first] = mx_retain(a);
  else
    mx_node_outputs(node, &task->outputs.data[first]);
  for (size_t i = first; i < first + count; i++) {
    mx out = task->outputs.data[i];
    out->stream = task->ticket.stream;
    out->ticket = task->ticket.number;
    atomic_store_explicit(&out->status, MX_SCHEDULED, memory_order_release);
  }
}

/* Depth first, without recursion: chains may be a million nodes long. */
static void walk(plan *p, mx root) {
  mx_vec_push(&p->path, (frame){root, 0});
  while (p->path.size) {
    frame *top = &mx_vec_last(&p->path);
    mx a = top->array;
    if (status_of(a) != MX_LAZY) {
      p->path.size--;
    } else if (!a->node) {
      p->path.size = 0;
      p->placeholder = true;
    } else if (top->next < a->node->input_count) {
      mx in = a->node->inputs[top->next++];
      if (status_of(in) == MX_LAZY) mx_vec_push(&p->path, (frame){in, 0});
    } else {
      p->path.size--;
      append(p, a);
    }
  }
}

static bool schedule(const mx *arrays, int count, bool may_run_here) {
  for (int i = 0; i < count; i++) {
    if (arrays[i]) continue;
    if (!mx_error()) mx_fail("[eval] Cannot evaluate the null array.");
    return false;
  }
  plan p = {0};
  mx_task *here = NULL;
  pthread_mutex_lock(&scheduling);
  for (int i = 0; i < count; i++)
    if (status_of(arrays[i]) == MX_LAZY) walk(&p, arrays[i]);
  if (may_run_here && p.open.size == 1 && !p.submitted && mx_task_claim(p.open.data[0]))
    here = p.open.data[0];
  else
    while (p.open.size) close_task(&p, &mx_vec_last(&p.open));
  pthread_mutex_unlock(&scheduling);
  mx_vec_free(&p.path);
  mx_vec_free(&p.open);
  if (here) mx_task_run_claimed(here);
  if (p.placeholder)
    mx_fail("[eval] Cannot evaluate an array that stands for an input while a function is being "
            "traced (under vmap, compile or export).");
  return !p.placeholder;
}

/* Waits for a scheduled array and says whether it is there. */
static bool await(mx a) {
  if (status_of(a) == MX_SCHEDULED) mx_ticket_wait((mx_ticket){a->stream, a->ticket});
  if (status_of(a) == MX_AVAILABLE) return true;
  mx_fail("%s", a->error ? a->error : "[eval] The array was not evaluated.");
  return false;
}

int mx_async_eval_arrays(const mx *arrays, int count) {
  return schedule(arrays, count, false) ? 0 : -1;
}

int mx_eval_arrays(const mx *arrays, int count) {
  if (!schedule(arrays, count, true)) return -1;
  bool there = true;
  for (int i = 0; i < count; i++) there &= await(arrays[i]);
  return there ? 0 : -1;
}

bool mx_ensure(mx a) {
  if (!a) {
    if (!mx_error()) mx_fail("[eval] Cannot evaluate the null array.");
    return false;
  }
  if (status_of(a) == MX_AVAILABLE) return true;
  return mx_eval_arrays(&a, 1) == 0;
}
