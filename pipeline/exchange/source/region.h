/* What lies in the shared memory, and how ranks wait for each other.
 *
 *     words of rank 0, words of rank 1, ...     each on cache lines of its own
 *     slots of rank 0, slots of rank 1, ...     two each
 *
 * A call moves chunks. For a chunk, each rank writes into its own slot, publishes its count of rounds, waits until all
 * have published the same one, and reads the others' slots. The slot of a chunk is that of its parity: when a rank
 * writes chunk n + 2 into the slot of chunk n, all others have published chunk n + 1, and so have done with reading
 * chunk n. One round a chunk is therefore enough.
 */
#ifndef PIPELINE_EXCHANGE_REGION_H
#define PIPELINE_EXCHANGE_REGION_H

#include <stdatomic.h>

#include "exchange.h"

#define CACHE_LINE 64
#define PAGE 4096
#define TAG_BYTES 96
#define SLOT_BYTES (256 * 1024)

typedef struct {
    _Alignas(CACHE_LINE) _Atomic uint32_t rounds; /* published so far; others sleep on it */
    _Alignas(CACHE_LINE) _Atomic uint32_t sleepers;
    _Alignas(CACHE_LINE) _Atomic uint32_t left;
    _Atomic int32_t process;
    _Atomic uint64_t broken; /* cause << 32 | rank; of rank 0's words only, set once, for the whole group */
} Words;

/* What a rank calls for, at the head of the slot of the call's first chunk. */
typedef struct {
    uint64_t signature; /* equal where the calls are */
    uint64_t bytes;
    uint32_t count;
    char action[16];
    char tag[TAG_BYTES];
} Call;

typedef struct {
    _Alignas(CACHE_LINE) Call call;
    _Alignas(CACHE_LINE) unsigned char data[SLOT_BYTES];
} Slot;

struct Group {
    unsigned char *region;
    int rank, ranks, lock_fd;
    uint64_t limit_ns;
    uint32_t round; /* the latest that this rank has begun */
    uint32_t chunk; /* likewise; a chunk has one round or two */
};

Words *words_of(const Group *group, int rank);

/* The slot of the current chunk. */
Slot *slot_of(const Group *group, int rank);

/* Publish the next round and wait until every rank has. Returns 0, or -1 with the failure. */
int meet(Group *group, Failure *failure);

/* Break the group, unless it is broken already, and say why it is; returns -1. */
int break_group(Group *group, Cause cause, int rank, Failure *failure);

/* -1 with the failure where the group is broken, else 0. */
int check_unbroken(Group *group, Failure *failure);

#endif
