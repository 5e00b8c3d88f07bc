/* Stream workers: they run tasks node by node, and drop each node as soon as its data is there. */
#include "eval/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t work, done;
  mx_task *first, *last;  /* submitted, not yet begun */
  uint64_t opened, ended; /* ticket numbers */
  bool busy;              /* somebody (the worker, or a caller in its place) runs a task */
  bool started;           /* the worker's thread exists */
} worker;

#define MAX_STREAMS 4096

static worker *workers[MAX_STREAMS];
static pthread_mutex_t workers_lock = PTHREAD_MUTEX_INITIALIZER;

static worker *worker_of(int stream) {
  pthread_mutex_lock(&workers_lock);
  worker **slot = &workers[stream % MAX_STREAMS];
  if (!*slot) {
    *slot = mx_xcalloc(1, sizeof **slot);
    pthread_mutex_init(&(*slot)->lock, NULL);
    pthread_cond_init(&(*slot)->work, NULL);
    pthread_cond_init(&(*slot)->done, NULL);
  }
  worker *found = *slot;
  pthread_mutex_unlock(&workers_lock);
  return found;
}

/* ---- Waiting at the memory limit ---- */

/* An allocation at the memory limit waits for some other task to end. It must not wait for tasks
 * that are themselves waiting. */
static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int running, waiting;
  uint64_t ended;
} flight = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static _Thread_local bool in_task;

static bool wait_for_work(void) {
  pthread_mutex_lock(&flight.lock);
  uint64_t before = flight.ended;
  int own = in_task;
  flight.waiting += own;
  pthread_cond_broadcast(&flight.changed);
  while (flight.ended == before && flight.running > flight.waiting)
    pthread_cond_wait(&flight.changed, &flight.lock);
  flight.waiting -= own;
  bool progress = flight.ended != before;
  pthread_mutex_unlock(&flight.lock);
  return progress;
}

static void count_task(int running) {
  pthread_mutex_lock(&flight.lock);
  flight.running += running;
  if (running < 0) {
    flight.ended++;
    pthread_cond_broadcast(&flight.changed);
  }
  pthread_mutex_unlock(&flight.lock);
  in_task = running > 0;
}

__attribute__((constructor)) static void tell_memory(void) { mx_memory_set_wait(wait_for_work); }

/* ---- Running ---- */

static const char *failed_input(const mx_node *node) {
  for (int i = 0; i < node->input_count; i++) {
    mx in = node->inputs[i];
    if (atomic_load_explicit(&in->status, memory_order_acquire) == MX_FAILED)
      return in->error ? in->error : "[eval] An input could not be evaluated.";
  }
  return NULL;
}

/* Where an output keeps its graph, the inputs' memory must stay as it is. */
static bool keeps_graph(const mx_node *node, const mx *outputs, bool tracing) {
  for (int i = 0; i < node->output_count && tracing; i++)
    if (outputs[i]->tracer) return true;
  return false;
}

static void run_node(mx_node *node, mx *outputs, bool tracing) {
  const char *error = failed_input(node);
  bool keep = keeps_graph(node, outputs, tracing);
  for (int i = 0; i < node->input_count && keep; i++) mx_retain(node->inputs[i]);
  if (!error) {
    mx_scope scope = mx_scope_begin();
    bool done = node->primitive->eval[MX_BACKEND_CPU](node, node->inputs, outputs);
    mx_scope_end(scope, NULL);
    if (!done) error = mx_error() ? mx_error() : "[eval] Evaluation failed without a message.";
  }
  int count = node->output_count;
  for (int i = 0; i < count; i++) {
    if (error) outputs[i]->error = mx_xstrdup(error);
    atomic_store_explicit(&outputs[i]->status, error ? MX_FAILED : MX_AVAILABLE,
                          memory_order_release);
  }
  if (error) mx_error_clear();
  for (int i = 0; i < node->input_count && keep; i++) mx_release(node->inputs[i]);
  for (int i = 0; i < count; i++) {
    if (!keep) mx_detach(outputs[i]);
    mx_release(outputs[i]);
  }
}

static void run(mx_task *task) {
  for (size_t i = 0; i < task->waits.size; i++) mx_ticket_wait(task->waits.data[i]);
  count_task(1);
  for (size_t i = 0; i < task->outputs.size;) {
    mx_node *node = task->outputs.data[i]->node;
    int count = node->output_count;
    run_node(node, &task->outputs.data[i], task->tracing);
    i += (size_t)count;
  }
  count_task(-1);
}

static void end_task(worker *w, mx_task *task) {
  pthread_mutex_lock(&w->lock);
  w->ended = task->ticket.number;
  w->busy = false;
  pthread_cond_broadcast(&w->done);
  if (w->first) pthread_cond_signal(&w->work);
  pthread_mutex_unlock(&w->lock);
  mx_vec_free(&task->waits);
  mx_vec_free(&task->outputs);
  free(task);
}

/* Runs the first task that waits. The lock is held before and after, but not meanwhile. */
static void run_first(worker *w) {
  mx_task *task = w->first;
  w->first = task->next;
  w->busy = true;
  pthread_mutex_unlock(&w->lock);
  run(task);
  end_task(w, task);
  pthread_mutex_lock(&w->lock);
}

static void *serve(void *argument) {
  worker *w = argument;
  pthread_mutex_lock(&w->lock);
  for (;;) {
    while (!w->first || w->busy) pthread_cond_wait(&w->work, &w->lock);
    run_first(w);
  }
  return NULL;
}

/* Waits for the task of that number, the lock held. Where the system refuses the stream a thread of
 * its own, whoever waits does its work. */
static void wait_for(worker *w, uint64_t number) {
  while (w->ended < number)
    if (!w->started && w->first && !w->busy)
      run_first(w);
    else
      pthread_cond_wait(&w->done, &w->lock);
}

static void start(worker *w) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  w->started = pthread_create(&thread, &attributes, serve, w) == 0;
  pthread_attr_destroy(&attributes);
}

mx_task *mx_task_open(int stream) {
  mx_task *task = mx_xcalloc(1, sizeof *task);
  worker *w = worker_of(stream);
  pthread_mutex_lock(&w->lock);
  task->ticket = (mx_ticket){stream, ++w->opened};
  task->tracing = mx_tracing > 0;
  pthread_mutex_unlock(&w->lock);
  return task;
}

void mx_task_submit(mx_task *task) {
  worker *w = worker_of(task->ticket.stream);
  pthread_mutex_lock(&w->lock);
  if (w->first)
    w->last->next = task;
  else
    w->first = task;
  w->last = task;
  if (!w->started) start(w);
  pthread_cond_signal(&w->work);
  pthread_mutex_unlock(&w->lock);
}

bool mx_task_claim(mx_task *task) {
  worker *w = worker_of(task->ticket.stream);
  pthread_mutex_lock(&w->lock);
  bool idle = !w->busy && !w->first && !task->waits.size;
  if (idle) w->busy = true;
  pthread_mutex_unlock(&w->lock);
  return idle;
}

void mx_task_run_claimed(mx_task *task) {
  run(task);
  end_task(worker_of(task->ticket.stream), task);
}

void mx_ticket_wait(mx_ticket ticket) {
  worker *w = worker_of(ticket.stream);
  pthread_mutex_lock(&w->lock);
  wait_for(w, ticket.number);
  pthread_mutex_unlock(&w->lock);
}

void mx_synchronize(mx_stream stream) {
  if (stream.index < 0) return;
  worker *w = worker_of(stream.index);
  pthread_mutex_lock(&w->lock);
  wait_for(w, w->opened);
  pthread_mutex_unlock(&w->lock);
}
