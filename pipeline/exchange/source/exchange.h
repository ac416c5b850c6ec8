/* Ranks of one host exchange tensors through memory that they share; nothing here knows TensorFlow.
 *
 * A group is a rank's membership among those that share a region. All ranks make the same calls in the same order, one
 * at a time; each call carries a tag, and ranks whose calls differ all get an error that names both. A call that fails
 * leaves the group broken: every later call of any rank fails with the same cause.
 */
#ifndef PIPELINE_EXCHANGE_H
#define PIPELINE_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#define EXCHANGE_MAX_RANKS 1024
#define EXCHANGE_MESSAGE_BYTES 512

typedef struct Group Group;

typedef enum {
    TYPE_BYTES, /* cannot be added up */
    TYPE_INT8,
    TYPE_INT16,
    TYPE_INT32,
    TYPE_INT64,
    TYPE_UINT8,
    TYPE_UINT16,
    TYPE_UINT32,
    TYPE_UINT64,
    TYPE_FLOAT16,
    TYPE_BFLOAT16,
    TYPE_FLOAT32,
    TYPE_FLOAT64,
} Type;

typedef enum {
    CAUSE_NONE,
    CAUSE_DIED,     /* a rank's process ended without leaving the group */
    CAUSE_LEFT,     /* a rank left the group while others wait for it */
    CAUSE_LATE,     /* a rank did not come within the time limit */
    CAUSE_MISMATCH, /* ranks called for different things */
    CAUSE_REFUSED,  /* the call cannot be served, such as for its number of tensors */
} Cause;

typedef struct {
    Cause cause;
    char message[EXCHANGE_MESSAGE_BYTES];
} Failure;

/* One tensor of a call. `in` and `out` may be the same memory. */
typedef struct {
    const void *in;
    void *out;
    size_t bytes;
    Type type;
} Tensor;

/* Bytes of the region for so many ranks; a new region is all zeros. */
size_t exchange_region_bytes(int ranks);

/* Join as `rank`, by a region that every rank has mapped.
 *
 * lock_fd: a descriptor of the region's file, by whose record locks ranks see that one of them has ended; -1 where ranks
 *     are threads of one process. The group neither owns nor closes it.
 * time_limit: seconds that a call waits for another rank.
 */
Group *group_join(void *region, int rank, int ranks, int lock_fd, double time_limit);

/* Leave; ranks that wait for this one fail, and so does a call of this one that is in progress. */
void group_leave(Group *group);

/* After `group_leave`, and after the last call has ended. The region stays mapped. */
void group_free(Group *group);

/* Whether the record lock of another rank can be seen, which not every file system and sandbox can do. */
int group_sees_lock(const Group *group, int rank);

int group_ranks(const Group *group);

/* Sums over ranks, added in the order of ranks: the same bits on every rank. Numbers of 16 bits are added in float32
 * and rounded once. Returns 0, or -1 with the failure. */
int exchange_sum(Group *group, const char *tag, const Tensor *tensors, int count, Failure *failure);

/* The tensors of rank 0, to all. */
int exchange_broadcast(Group *group, const char *tag, const Tensor *tensors, int count, Failure *failure);

/* How many rows every rank has of each tensor.
 *
 * tensors: their `bytes` are those of one row, which must be the same on every rank; `in` and `out` are not used.
 * own: of this rank [count].
 * rows: of all [ranks][count].
 */
int exchange_rows(
    Group *group, const char *tag, const Tensor *tensors, int count, const uint64_t *own, uint64_t *rows, Failure *failure);

/* All ranks' tensors, one after the other by rank, though they differ in size.
 *
 * tensors: their `out` has room for those of all ranks.
 * sizes: bytes [ranks][count], the same on every rank.
 */
int exchange_gather(
    Group *group, const char *tag, const Tensor *tensors, int count, const uint64_t *sizes, Failure *failure);

#endif
