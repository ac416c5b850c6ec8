#include <stdio.h>
#include <string.h>

#include "region.h"
#include "sums.h"

/* The tensors of a call are one stream of bytes, in which each begins at a cache line; a chunk is as many bytes of
 * it as a slot holds. So numbers are never divided, and many small tensors take one round. */

/* From three ranks on, each adds up one part of a chunk and reads the sums of the other parts, instead of adding up all
 * of it: less work, but a second round, which is not worth it for fewer bytes. */
#define DIVIDED_FROM (64 * 1024)

static size_t whole_lines(size_t bytes) { return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE; }

static size_t lesser(size_t a, size_t b) { return a < b ? a : b; }

static size_t greater(size_t a, size_t b) { return a > b ? a : b; }

static size_t stream_bytes(const Tensor *tensors, int count) {
    size_t total = 0;
    for (int i = 0; i < count; i++) total += whole_lines(tensors[i].bytes);
    return total;
}

/* The part of one tensor that lies in a range of the stream. */
typedef struct {
    size_t from, to; /* of the stream */
    size_t inside;   /* of the tensor, where the part begins */
} Part;

static int part_of(size_t start, size_t bytes, size_t from, size_t to, Part *part) {
    part->from = greater(start, from);
    part->to = lesser(start + bytes, to);
    part->inside = part->from - start;
    return part->from < part->to;
}

static uint64_t hashed(uint64_t hash, const void *content, size_t bytes) {
    const unsigned char *at = content;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * 0x100000001b3ull; /* FNV-1a */
    return hash;
}

static Call call_of(const char *action, const char *tag, const Tensor *tensors, int count, int same_sizes) {
    Call call = {.signature = 0xcbf29ce484222325ull, .count = (uint32_t)count};
    snprintf(call.action, sizeof call.action, "%s", action);
    snprintf(call.tag, sizeof call.tag, "%s", tag);
    call.signature = hashed(call.signature, action, strlen(action) + 1);
    call.signature = hashed(call.signature, tag, strlen(tag) + 1);
    for (int i = 0; i < count; i++) {
        uint64_t described[] = {(uint64_t)tensors[i].type, same_sizes ? tensors[i].bytes : 0};
        call.signature = hashed(call.signature, described, sizeof described);
        call.bytes += tensors[i].bytes;
    }
    return call;
}

static int begin(Group *group, const Call *call, Failure *failure) {
    if (check_unbroken(group, failure)) return -1;
    group->chunk++;
    slot_of(group, group->rank)->call = *call;
    return 0;
}

static int check_calls(Group *group, Failure *failure) {
    const Call *own = &slot_of(group, group->rank)->call;
    for (int rank = 0; rank < group->ranks; rank++) {
        const Call *other = &slot_of(group, rank)->call;
        if (other->signature == own->signature) continue;
        break_group(group, CAUSE_MISMATCH, rank, failure);
        failure->cause = CAUSE_MISMATCH;
        snprintf(failure->message, sizeof failure->message,
                 "ranks are out of step: rank %d calls %s of '%s' (%u tensors, %llu bytes), and rank %d calls %s of "
                 "'%s' (%u tensors, %llu bytes)",
                 group->rank, own->action, own->tag, own->count, (unsigned long long)own->bytes, rank, other->action,
                 other->tag, other->count, (unsigned long long)other->bytes);
        return -1;
    }
    return 0;
}

/* Have every rank's chunk written; in the first of a call, see that all have called for the same. */
static int meet_on_chunk(Group *group, int is_first, Failure *failure) {
    if (meet(group, failure)) return -1;
    return is_first ? check_calls(group, failure) : 0;
}

static int refuse(const char *message, Failure *failure) {
    failure->cause = CAUSE_REFUSED;
    snprintf(failure->message, sizeof failure->message, "%s", message);
    return -1;
}

/* Write a range of the stream into this rank's slot. */
static void write_range(Group *group, const Tensor *tensors, int count, size_t from, size_t to) {
    unsigned char *data = slot_of(group, group->rank)->data;
    size_t start = 0;
    Part part;
    for (int i = 0; i < count && start < to; start += whole_lines(tensors[i++].bytes))
        if (part_of(start, tensors[i].bytes, from, to, &part))
            memcpy(data + (part.from - from), (const unsigned char *)tensors[i].in + part.inside, part.to - part.from);
}

/* Read a range of the stream from a rank's slot, whose data begins with `base`. */
static void read_range(Group *group, int rank, const Tensor *tensors, int count, size_t base, size_t from, size_t to) {
    const unsigned char *data = slot_of(group, rank)->data;
    size_t start = 0;
    Part part;
    for (int i = 0; i < count && start < to; start += whole_lines(tensors[i++].bytes))
        if (part_of(start, tensors[i].bytes, from, to, &part))
            memcpy((unsigned char *)tensors[i].out + part.inside, data + (part.from - base), part.to - part.from);
}

/* Add up a range of the stream over all slots, whose data begins with `base`. */
static void add_range(Group *group, const Tensor *tensors, int count, size_t base, size_t from, size_t to) {
    const unsigned char *numbers[EXCHANGE_MAX_RANKS];
    size_t start = 0;
    Part part;
    for (int i = 0; i < count && start < to; start += whole_lines(tensors[i++].bytes)) {
        if (!part_of(start, tensors[i].bytes, from, to, &part)) continue;
        for (int rank = 0; rank < group->ranks; rank++)
            numbers[rank] = slot_of(group, rank)->data + (part.from - base);
        add_ranks(tensors[i].type, (unsigned char *)tensors[i].out + part.inside, numbers, group->ranks,
                  part.to - part.from);
    }
}

/* Where the part of a rank ends; that of rank -1 ends where the first one begins. */
static size_t end_of_share(const Group *group, int rank, size_t from, size_t to) {
    size_t lines = (to - from + CACHE_LINE - 1) / CACHE_LINE;
    return lesser(to, from + lines * (size_t)(rank + 1) / (size_t)group->ranks * CACHE_LINE);
}

/* Add up this rank's part, put the sums in its place in this rank's slot, which nobody else reads there before the
 * second round, and read the other parts. */
static int add_divided(Group *group, const Tensor *tensors, int count, size_t from, size_t to, Failure *failure) {
    size_t first = end_of_share(group, group->rank - 1, from, to), last = end_of_share(group, group->rank, from, to);
    unsigned char *own = slot_of(group, group->rank)->data;
    size_t start = 0;
    Part part;
    add_range(group, tensors, count, from, first, last);
    for (int i = 0; i < count && start < last; start += whole_lines(tensors[i++].bytes))
        if (part_of(start, tensors[i].bytes, first, last, &part))
            memcpy(own + (part.from - from), (unsigned char *)tensors[i].out + part.inside, part.to - part.from);
    if (meet(group, failure)) return -1;
    for (int rank = 0; rank < group->ranks; rank++)
        if (rank != group->rank)
            read_range(group, rank, tensors, count, from, end_of_share(group, rank - 1, from, to),
                       end_of_share(group, rank, from, to));
    return 0;
}

int exchange_sum(Group *group, const char *tag, const Tensor *tensors, int count, Failure *failure) {
    size_t total = stream_bytes(tensors, count), from = 0;
    for (int i = 0; i < count; i++)
        if (!can_be_added(tensors[i].type)) return refuse("numbers of this type cannot be added up", failure);
    Call call = call_of("sum", tag, tensors, count, 1);
    if (begin(group, &call, failure)) return -1;
    for (;;) {
        size_t to = lesser(total, from + SLOT_BYTES);
        write_range(group, tensors, count, from, to);
        if (meet_on_chunk(group, from == 0, failure)) return -1;
        if (group->ranks > 2 && to - from >= DIVIDED_FROM) {
            if (add_divided(group, tensors, count, from, to, failure)) return -1;
        } else {
            add_range(group, tensors, count, from, from, to);
        }
        if (to == total) return 0;
        from = to;
        group->chunk++;
    }
}

int exchange_broadcast(Group *group, const char *tag, const Tensor *tensors, int count, Failure *failure) {
    size_t total = stream_bytes(tensors, count), from = 0;
    Call call = call_of("broadcast", tag, tensors, count, 1);
    if (begin(group, &call, failure)) return -1;
    for (;;) {
        size_t to = lesser(total, from + SLOT_BYTES);
        if (group->rank == 0) write_range(group, tensors, count, from, to);
        if (meet_on_chunk(group, from == 0, failure)) return -1;
        read_range(group, 0, tensors, count, from, from, to);
        if (to == total) return 0;
        from = to;
        group->chunk++;
    }
}

int exchange_rows(
    Group *group, const char *tag, const Tensor *tensors, int count, const uint64_t *own, uint64_t *rows, Failure *failure) {
    Call call = call_of("gather", tag, tensors, count, 1);
    size_t bytes = (size_t)count * sizeof(uint64_t);
    if (bytes > SLOT_BYTES) return refuse("too many tensors to be gathered at once", failure);
    if (begin(group, &call, failure)) return -1;
    memcpy(slot_of(group, group->rank)->data, own, bytes);
    if (meet_on_chunk(group, 1, failure)) return -1;
    for (int rank = 0; rank < group->ranks; rank++)
        memcpy(rows + (size_t)rank * count, slot_of(group, rank)->data, bytes);
    return 0;
}

/* Read a range of another rank's stream, whose tensors have other sizes, to their places behind those of the ranks
 * before it. */
static void read_gathered(
    Group *group, int rank, const Tensor *tensors, int count, const uint64_t *sizes, size_t from, size_t to) {
    const unsigned char *data = slot_of(group, rank)->data;
    size_t start = 0;
    Part part;
    for (int i = 0; i < count && start < to; i++) {
        size_t bytes = sizes[(size_t)rank * count + i], before = 0;
        if (part_of(start, bytes, from, to, &part)) {
            for (int r = 0; r < rank; r++) before += sizes[(size_t)r * count + i];
            memcpy((unsigned char *)tensors[i].out + before + part.inside, data + (part.from - from),
                   part.to - part.from);
        }
        start += whole_lines(bytes);
    }
}

int exchange_gather(
    Group *group, const char *tag, const Tensor *tensors, int count, const uint64_t *sizes, Failure *failure) {
    Call call = call_of("gather", tag, tensors, count, 0);
    size_t longest = 0, from = 0;
    for (int rank = 0; rank < group->ranks; rank++) {
        size_t bytes = 0;
        for (int i = 0; i < count; i++) bytes += whole_lines(sizes[(size_t)rank * count + i]);
        longest = greater(longest, bytes);
    }
    if (begin(group, &call, failure)) return -1;
    for (;;) {
        size_t to = lesser(longest, from + SLOT_BYTES);
        write_range(group, tensors, count, from, to);
        if (meet_on_chunk(group, from == 0, failure)) return -1;
        for (int rank = 0; rank < group->ranks; rank++)
            read_gathered(group, rank, tensors, count, sizes, from, to);
        if (to == longest) return 0;
        from = to;
        group->chunk++;
    }
}
