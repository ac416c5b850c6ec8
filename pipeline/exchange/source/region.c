#define _GNU_SOURCE
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The fastest mixture that was measured, with as many ranks as cores and with twice as many. A futex alone costs two
 * system calls and a wake-up a round; a longer spin takes the core from the rank that is waited for. */
#define SPIN_NS 2000ull
#define YIELD_NS 5000000ull
/* A sleeper looks this often whether the rank that it waits for is alive. */
#define LOOK_NS 50000000ull

static size_t whole_pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

static size_t words_bytes(int ranks) { return whole_pages((size_t)ranks * sizeof(Words)); }

size_t exchange_region_bytes(int ranks) { return words_bytes(ranks) + whole_pages((size_t)ranks * 2 * sizeof(Slot)); }

Words *words_of(const Group *group, int rank) { return (Words *)group->region + rank; }

Slot *slot_of(const Group *group, int rank) {
    return (Slot *)(group->region + words_bytes(group->ranks)) + 2 * rank + (group->chunk & 1);
}

int group_ranks(const Group *group) { return group->ranks; }

static struct flock lock_of(int rank) {
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = rank, .l_len = 1};
}

Group *group_join(void *region, int rank, int ranks, int lock_fd, double time_limit) {
    struct flock lock = lock_of(rank);
    if (ranks < 1 || ranks > EXCHANGE_MAX_RANKS || rank < 0 || rank >= ranks) {
        errno = EINVAL;
        return NULL;
    }
    if (lock_fd >= 0 && fcntl(lock_fd, F_SETLK, &lock) < 0) return NULL;
    Group *group = calloc(1, sizeof(Group));
    if (group == NULL) return NULL;
    *group = (Group){region, rank, ranks, lock_fd, (uint64_t)(time_limit * 1e9), 0, 0};
    atomic_store(&words_of(group, rank)->process, (int32_t)getpid());
    return group;
}

static void wake(Words *words) { syscall(SYS_futex, &words->rounds, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }

static void wake_all(Group *group) {
    for (int rank = 0; rank < group->ranks; rank++) wake(words_of(group, rank));
}

void group_leave(Group *group) {
    struct flock lock = lock_of(group->rank);
    lock.l_type = F_UNLCK;
    /* Before the lock ends, or the others would take it for a death. */
    atomic_store(&words_of(group, group->rank)->left, 1);
    wake_all(group);
    if (group->lock_fd >= 0) fcntl(group->lock_fd, F_SETLK, &lock);
}

void group_free(Group *group) { free(group); }

int group_sees_lock(const Group *group, int rank) {
    struct flock lock = lock_of(rank);
    return rank == group->rank || group->lock_fd < 0 ||
           (fcntl(group->lock_fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int has_come(const Group *group, int rank) {
    uint32_t published = atomic_load(&words_of(group, rank)->rounds);
    return (int32_t)(published - group->round) >= 0; /* counts wrap around */
}

static void publish_round(Group *group) {
    Words *own = words_of(group, group->rank);
    /* In one order with the sleeper's announcement and its look at `rounds`: either it sees the round, or is seen. */
    atomic_store(&own->rounds, group->round);
    if (atomic_load(&own->sleepers) > 0) wake(own);
}

static void sleep_a_while(const Group *group, int rank) {
    Words *words = words_of(group, rank);
    struct timespec look = {0, LOOK_NS};
    atomic_fetch_add(&words->sleepers, 1);
    uint32_t seen = atomic_load(&words->rounds);
    if (!has_come(group, rank)) syscall(SYS_futex, &words->rounds, FUTEX_WAIT, seen, &look, NULL, 0);
    atomic_fetch_sub(&words->sleepers, 1);
}

static Cause cause_of_silence(const Group *group, int rank, uint64_t since) {
    if (atomic_load(&words_of(group, rank)->left)) return CAUSE_LEFT;
    if (!group_sees_lock(group, rank)) return CAUSE_DIED;
    return now_ns() - since > group->limit_ns ? CAUSE_LATE : CAUSE_NONE;
}

static int await_rank(Group *group, int rank, Failure *failure) {
    if (has_come(group, rank)) return 0;
    uint64_t since = now_ns();
    while (now_ns() - since < SPIN_NS) {
        relax();
        if (has_come(group, rank)) return 0;
    }
    while (now_ns() - since < YIELD_NS) {
        sched_yield();
        if (has_come(group, rank)) return 0;
    }
    for (;;) {
        Cause cause = cause_of_silence(group, rank, since);
        /* Looked at again, since a rank may publish its last round and leave in between. */
        if (has_come(group, rank)) return 0;
        if (cause != CAUSE_NONE) return break_group(group, cause, rank, failure);
        if (check_unbroken(group, failure)) return -1;
        sleep_a_while(group, rank);
    }
}

int meet(Group *group, Failure *failure) {
    group->round++;
    publish_round(group);
    for (int rank = 0; rank < group->ranks; rank++)
        if (rank != group->rank && await_rank(group, rank, failure)) return -1;
    return 0;
}

static int tell(Group *group, uint64_t broken, Failure *failure) {
    int rank = (int)(uint32_t)broken;
    int process = atomic_load(&words_of(group, rank)->process);
    failure->cause = (Cause)(broken >> 32);
    char *text = failure->message;
    switch (failure->cause) {
    case CAUSE_DIED:
        snprintf(text, sizeof failure->message, "rank %d (process %d) has ended", rank, process);
        break;
    case CAUSE_LEFT:
        snprintf(text, sizeof failure->message, "rank %d (process %d) has left the group", rank, process);
        break;
    case CAUSE_LATE:
        snprintf(text, sizeof failure->message, "rank %d (process %d) has not come for %.0f s", rank, process,
                 (double)group->limit_ns / 1e9);
        break;
    default:
        snprintf(text, sizeof failure->message, "the call of rank %d failed", rank);
    }
    return -1;
}

int break_group(Group *group, Cause cause, int rank, Failure *failure) {
    uint64_t whole = 0, wanted = (uint64_t)cause << 32 | (uint32_t)rank;
    _Atomic uint64_t *broken = &words_of(group, 0)->broken;
    int first = atomic_compare_exchange_strong(broken, &whole, wanted);
    wake_all(group);
    return tell(group, first ? wanted : whole, failure);
}

int check_unbroken(Group *group, Failure *failure) {
    uint64_t broken = atomic_load(&words_of(group, 0)->broken);
    return broken == 0 ? 0 : tell(group, broken, failure);
}
