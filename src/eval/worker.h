/* The workers that serve streams: queues of tasks, and waiting for them. A task is a run of nodes
 * in topological order on one stream. */
#ifndef EVAL_WORKER_H
#define EVAL_WORKER_H

#include "array/primitive.h"
#include "base/vec.h"

typedef struct mx_ticket {
  int stream;
  uint64_t number;
} mx_ticket;

typedef struct mx_task {
  struct mx_task *next;
  mx_ticket ticket;
  bool tracing;            /* opened under a transform: tracers keep their graph */
  MX_VEC(mx_ticket) waits; /* tasks of other streams that must have ended before */
  MX_VEC(mx) outputs;      /* owned; all outputs of a node stand together, in the node's order */
} mx_task;

/* An empty task on the stream, numbered after all that were opened there before. Tasks of a stream
 * are submitted or run in the order of their opening; one scheduler opens at a time. */
mx_task *mx_task_open(int stream);
/* Hands the task to its stream's worker. */
void mx_task_submit(mx_task *task);
/* Takes an idle stream for a task that waits for nobody, in place of submitting it: true where the
 * caller now must run it (mx_task_run_claimed). Like a submission, before the next task is opened.
 */
bool mx_task_claim(mx_task *task);
void mx_task_run_claimed(mx_task *task);
/* Blocks until the task has ended. */
void mx_ticket_wait(mx_ticket ticket);

#endif
