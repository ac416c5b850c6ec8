/* Ranks make random calls in one order, each of which is checked to the bit; then the last one goes another way.
 *
 *     fuzz threads|processes RANKS CALLS SEED LARGEST end|leave|die|mismatch
 *
 * As threads, all ranks share one mapping, so that ThreadSanitizer sees each access; as processes, each has its own.
 * Exits with 0 where every rank found what it expected.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exchange.h"

#define MAX_TENSORS 12
#define TIME_LIMIT 60.0
#define NOTICED_SECONDS 5.0 /* sanitizers, and a busy machine */

typedef struct {
    int rank, ranks, calls, largest, lock_fd, failed;
    uint64_t seed;
    const char *ending;
    void *region;
} Rank;

typedef struct {
    int kind, count; /* 0 sum, 1 broadcast, 2 gather */
    Type types[MAX_TENSORS];
    size_t numbers[MAX_TENSORS]; /* of a row, where rows are gathered */
    char tag[32];
} Plan;

static const size_t SIZES[] = {[TYPE_BYTES] = 1,  [TYPE_INT8] = 1,    [TYPE_INT16] = 2,  [TYPE_INT32] = 4,
                               [TYPE_INT64] = 8,  [TYPE_UINT8] = 1,   [TYPE_UINT16] = 2, [TYPE_UINT32] = 4,
                               [TYPE_UINT64] = 8, [TYPE_FLOAT16] = 2, [TYPE_BFLOAT16] = 2, [TYPE_FLOAT32] = 4,
                               [TYPE_FLOAT64] = 8};

static uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static uint64_t draw(uint64_t *state) { return mixed(*state += 0x9e3779b97f4a7c15ull); }

static Plan plan_of(const Rank *rank, int call) {
    uint64_t state = mixed(rank->seed * 1000003 + (uint64_t)call);
    Plan plan = {.kind = (int)(draw(&state) % 3), .count = 1 + (int)(draw(&state) % MAX_TENSORS)};
    snprintf(plan.tag, sizeof plan.tag, "call_%d", call);
    for (int i = 0; i < plan.count; i++) {
        uint64_t size = draw(&state) % 20;
        plan.types[i] = plan.kind == 0 ? TYPE_INT8 + draw(&state) % TYPE_FLOAT64 : draw(&state) % (TYPE_FLOAT64 + 1);
        plan.numbers[i] = size < 2 ? size : size < 19 ? draw(&state) % 3000 : draw(&state) % (uint64_t)rank->largest;
        if (plan.kind == 2) plan.numbers[i] = plan.numbers[i] % 40;
    }
    return plan;
}

/* Numbers that a rank has: floating-point ones whose sums depend on the order of adding. */
static void fill(const Rank *of, int rank, int call, int tensor, Type type, void *to, size_t numbers) {
    uint64_t state = mixed(of->seed ^ (uint64_t)rank << 40 ^ (uint64_t)call << 16 ^ (uint64_t)tensor);
    unsigned char *at = to;
    for (size_t i = 0; i < numbers; i++, at += SIZES[type]) {
        uint64_t bits = draw(&state);
        float number = (float)(int32_t)bits * 0x1p-20f;
        double wide = (double)(int64_t)bits * 0x1p-40;
        uint32_t whole;
        memcpy(&whole, &number, sizeof whole);
        uint16_t half = (uint16_t)(type == TYPE_FLOAT16 ? bits % 0x7400 | (bits >> 32 & 0x8000) : whole >> 16);
        if (type == TYPE_FLOAT32) memcpy(at, &number, 4);
        else if (type == TYPE_FLOAT64) memcpy(at, &wide, 8);
        else if (type == TYPE_FLOAT16 || type == TYPE_BFLOAT16) memcpy(at, &half, 2);
        else memcpy(at, &bits, SIZES[type]);
    }
}

static double widened(Type type, const unsigned char *at) {
    uint16_t half;
    uint32_t whole;
    float number;
    double wide;
    memcpy(&half, at, 2);
    if (type == TYPE_FLOAT64) {
        memcpy(&wide, at, 8);
        return wide;
    }
    if (type == TYPE_FLOAT16) {
        int exponent = half >> 10 & 31, fraction = half & 1023;
        double size = exponent ? (1024 + fraction) * (double)(1ull << exponent) * 0x1p-25 : fraction * 0x1p-24;
        return half & 0x8000 ? -size : size;
    }
    if (type == TYPE_BFLOAT16) whole = (uint32_t)half << 16;
    else memcpy(&whole, at, 4);
    memcpy(&number, &whole, 4);
    return number;
}

/* Whether a number of 16 bits is one that lies nearest to the sum. */
static int is_rounded(Type type, float sum, const unsigned char *found) {
    unsigned char beside[2][2];
    uint16_t half;
    memcpy(&half, found, 2);
    if (type == TYPE_FLOAT16 && (half & 0x7fff) == 0x7c00) return sum >= 65520.0f || sum <= -65520.0f;
    double off = widened(type, found) - sum;
    for (int way = 0; way < 2; way++) {
        uint16_t other = (uint16_t)(half + (way ? 1 : -1));
        memcpy(beside[way], &other, 2);
        double further = widened(type, beside[way]) - sum;
        int is_number = type == TYPE_FLOAT16 ? (other & 0x7c00) != 0x7c00 : (other & 0x7f80) != 0x7f80;
        if (is_number && (half & 0x7fff) && further * further < off * off) return 0;
        if (is_number && (half & 0x7fff) && further * further == off * off && off != 0 && half & 1) return 0;
    }
    return 1;
}

static int is_sum(Type type, unsigned char *const *ranks, int count, size_t i, const unsigned char *found) {
    size_t size = SIZES[type], at = i * size;
    if (type == TYPE_FLOAT16 || type == TYPE_BFLOAT16) {
        float total = 0;
        for (int r = 0; r < count; r++) total = r ? total + (float)widened(type, ranks[r] + at) : (float)widened(type, ranks[r] + at);
        return is_rounded(type, total, found + at);
    }
    if (type == TYPE_FLOAT32) {
        float total = (float)widened(type, ranks[0] + at);
        for (int r = 1; r < count; r++) total += (float)widened(type, ranks[r] + at);
        return memcmp(&total, found + at, size) == 0;
    }
    if (type == TYPE_FLOAT64) {
        double total = widened(type, ranks[0] + at);
        for (int r = 1; r < count; r++) total += widened(type, ranks[r] + at);
        return memcmp(&total, found + at, size) == 0;
    }
    uint64_t total = 0;
    for (int r = 0; r < count; r++) {
        uint64_t one = 0;
        memcpy(&one, ranks[r] + at, size);
        total += one;
    }
    return memcmp(&total, found + at, size) == 0; /* little-endian */
}

static int complain(Rank *rank, const char *what, int call) {
    fprintf(stderr, "rank %d of %d, seed %llu, call %d: %s\n", rank->rank, rank->ranks, (unsigned long long)rank->seed,
            call, what);
    rank->failed = 1;
    return -1;
}

static int check(Rank *rank, int call, const Plan *plan, int i, const void *out) {
    size_t numbers = plan->numbers[i], bytes = numbers * SIZES[plan->types[i]];
    unsigned char *all[64];
    int good = 1;
    for (int r = 0; r < rank->ranks; r++) {
        all[r] = malloc(bytes + 8);
        fill(rank, r, call, i, plan->types[i], all[r], numbers);
    }
    if (plan->kind == 1) good = memcmp(out, all[0], bytes) == 0;
    for (size_t n = 0; plan->kind == 0 && good && n < numbers; n++)
        good = is_sum(plan->types[i], all, rank->ranks, n, out);
    for (int r = 0; r < rank->ranks; r++) free(all[r]);
    return good ? 0 : complain(rank, plan->kind ? "another rank's tensor is wrong" : "a sum is wrong", call);
}

static int call_in_place(Group *group, Rank *rank, int call, const Plan *plan, Failure *failure) {
    Tensor tensors[MAX_TENSORS];
    int result;
    for (int i = 0; i < plan->count; i++) {
        size_t bytes = plan->numbers[i] * SIZES[plan->types[i]];
        void *in = malloc(bytes + 8), *out = (i + call) % 2 ? in : malloc(bytes + 8);
        fill(rank, rank->rank, call, i, plan->types[i], in, plan->numbers[i]);
        tensors[i] = (Tensor){in, out, bytes, plan->types[i]};
    }
    result = (plan->kind ? exchange_broadcast : exchange_sum)(group, plan->tag, tensors, plan->count, failure);
    for (int i = 0; i < plan->count; i++) {
        if (result == 0) result = check(rank, call, plan, i, tensors[i].out);
        if (tensors[i].out != tensors[i].in) free(tensors[i].out);
        free((void *)tensors[i].in);
    }
    return result;
}

static uint64_t rows_of(const Rank *of, int rank, int call, int tensor) {
    uint64_t drawn = mixed(of->seed ^ (uint64_t)rank << 32 ^ (uint64_t)(call * 64 + tensor));
    return drawn % 8 ? drawn % 50 : drawn % 997 * ((uint64_t)of->largest / 100000 + 1);
}

static int call_gather(Group *group, Rank *rank, int call, const Plan *plan, Failure *failure) {
    uint64_t own[MAX_TENSORS], all[64 * MAX_TENSORS];
    Tensor tensors[MAX_TENSORS];
    for (int i = 0; i < plan->count; i++) {
        own[i] = rows_of(rank, rank->rank, call, i);
        tensors[i] = (Tensor){NULL, NULL, plan->numbers[i] * SIZES[plan->types[i]], plan->types[i]};
    }
    if (exchange_rows(group, plan->tag, tensors, plan->count, own, all, failure)) return -1;
    for (int i = 0; i < plan->count; i++) {
        uint64_t row = tensors[i].bytes, total = 0;
        for (int r = 0; r < rank->ranks; r++) {
            if (all[r * plan->count + i] != rows_of(rank, r, call, i)) complain(rank, "rows are wrong", call);
            all[r * plan->count + i] *= row;
            total += all[r * plan->count + i];
        }
        tensors[i].bytes = own[i] * row;
        tensors[i].in = malloc(tensors[i].bytes + 8);
        tensors[i].out = malloc(total + 8);
        fill(rank, rank->rank, call, i, plan->types[i], (void *)tensors[i].in, own[i] * plan->numbers[i]);
    }
    int result = exchange_gather(group, plan->tag, tensors, plan->count, all, failure);
    for (int i = 0; i < plan->count; i++) {
        unsigned char *at = tensors[i].out;
        for (int r = 0; result == 0 && r < rank->ranks; r++) {
            uint64_t bytes = all[r * plan->count + i];
            void *expected = malloc(bytes + 8);
            fill(rank, r, call, i, plan->types[i], expected, bytes / SIZES[plan->types[i]]);
            if (memcmp(expected, at, bytes)) result = complain(rank, "gathered rows are wrong", call);
            at += bytes;
            free(expected);
        }
        free((void *)tensors[i].in);
        free(tensors[i].out);
    }
    return result;
}

static int call_of_rank(Group *group, Rank *rank, int call, Plan plan, Failure *failure) {
    return plan.kind == 2 ? call_gather(group, rank, call, &plan, failure) : call_in_place(group, rank, call, &plan, failure);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The call after the last one: what a rank finds where another does not make it. */
static void end_otherwise(Group *group, Rank *rank) {
    Failure failure = {CAUSE_NONE, ""};
    Plan plan = plan_of(rank, rank->calls);
    int differs = rank->rank == rank->ranks - 1, is_mismatch = strcmp(rank->ending, "mismatch") == 0;
    if (differs && strcmp(rank->ending, "die") == 0) _exit(0);
    if (differs && !is_mismatch) return;
    if (differs) plan.tag[0] = 'C';
    double since = seconds();
    if (call_of_rank(group, rank, rank->calls, plan, &failure) == 0) complain(rank, "a failure was not seen", rank->calls);
    if (seconds() - since > NOTICED_SECONDS) complain(rank, "a failure was seen too late", rank->calls);
    const char *expected = is_mismatch ? "out of step" : strcmp(rank->ending, "die") ? "has left" : "has ended";
    if (strstr(failure.message, expected) == NULL) complain(rank, failure.message, rank->calls);
    if (call_of_rank(group, rank, rank->calls + 1, plan_of(rank, rank->calls + 1), &failure) == 0)
        complain(rank, "a broken group goes on", rank->calls + 1);
}

static void *live(void *started) {
    Rank *rank = started;
    Group *group = group_join(rank->region, rank->rank, rank->ranks, rank->lock_fd, TIME_LIMIT);
    Failure failure = {CAUSE_NONE, ""};
    for (int call = 0; call < rank->calls && !rank->failed; call++)
        if (call_of_rank(group, rank, call, plan_of(rank, call), &failure))
            complain(rank, failure.message, call);
    if (!rank->failed && strcmp(rank->ending, "end")) end_otherwise(group, rank);
    group_leave(group);
    group_free(group);
    return NULL;
}

static int run_threads(Rank *ranks) {
    pthread_t threads[64];
    int failed = 0, count = ranks[0].ranks;
    for (int r = 0; r < count; r++) pthread_create(&threads[r], NULL, live, &ranks[r]);
    for (int r = 0; r < count; r++) {
        pthread_join(threads[r], NULL);
        failed |= ranks[r].failed;
    }
    return failed;
}

/* Locks are those of processes: each must have joined before another looks for its lock. */
static void meet_once(const Rank *rank, int *joined) {
    __atomic_add_fetch(joined, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(joined, __ATOMIC_SEQ_CST) < rank->ranks) usleep(1000);
}

static int run_processes(Rank *ranks) {
    int failed = 0, count = ranks[0].ranks;
    int *joined = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int r = 0; r < count; r++) {
        if (fork()) continue;
        Group *early = group_join(ranks[r].region, r, count, ranks[r].lock_fd, TIME_LIMIT);
        meet_once(&ranks[r], joined);
        group_free(early);
        live(&ranks[r]);
        exit(ranks[r].failed);
    }
    for (int r = 0, status; r < count; r++) {
        wait(&status);
        failed |= status != 0;
    }
    return failed;
}

int main(int count, char **arguments) {
    if (count != 7) return 2;
    int is_threads = strcmp(arguments[1], "threads") == 0, size = atoi(arguments[2]);
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    size_t bytes = exchange_region_bytes(size);
    if (size > 64 || fd < 0 || ftruncate(fd, (off_t)bytes)) return 2;
    void *region = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    Rank ranks[64];
    for (int r = 0; r < size; r++)
        ranks[r] = (Rank){.rank = r, .ranks = size, .calls = atoi(arguments[3]), .seed = strtoull(arguments[4], NULL, 10),
                          .largest = atoi(arguments[5]), .ending = arguments[6], .region = region,
                          .lock_fd = is_threads ? -1 : fd};
    return is_threads ? run_threads(ranks) : run_processes(ranks);
}
