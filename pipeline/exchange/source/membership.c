#define _GNU_SOURCE
#include "membership.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Membership {
    int64_t number;
    Group *group;
    void *region;
    size_t bytes;
    int fd, users, has_left;
    pthread_mutex_t turn; /* calls come one at a time */
    struct Membership *next;
} Membership;

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static Membership *list;
static int64_t last_number;

uint64_t pipeline_exchange_bytes(int ranks) { return exchange_region_bytes(ranks); }

static int64_t failed(int fd, int error) {
    close(fd);
    return -error;
}

static int64_t listed(Membership *member) {
    pthread_mutex_lock(&list_lock);
    member->number = ++last_number;
    member->next = list;
    list = member;
    pthread_mutex_unlock(&list_lock);
    return member->number;
}

int64_t pipeline_exchange_join(int fd, int rank, int ranks, double time_limit) {
    struct stat file;
    size_t bytes = exchange_region_bytes(ranks);
    if (fstat(fd, &file) < 0) return failed(fd, errno);
    if ((uint64_t)file.st_size < bytes) return failed(fd, EINVAL); /* reading beyond its end would be a SIGBUS */
    void *region = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (region == MAP_FAILED) return failed(fd, errno);
    Membership *member = calloc(1, sizeof(Membership));
    Group *group = member ? group_join(region, rank, ranks, fd, time_limit) : NULL;
    if (group == NULL) {
        int error = errno;
        free(member);
        munmap(region, bytes);
        return failed(fd, error);
    }
    *member = (Membership){.group = group, .region = region, .bytes = bytes, .fd = fd};
    pthread_mutex_init(&member->turn, NULL);
    return listed(member);
}

/* With the list locked. */
static Membership **place_of(int64_t number) {
    Membership **place = &list;
    while (*place && (*place)->number != number) place = &(*place)->next;
    return place;
}

static void end(Membership *member) {
    group_free(member->group);
    munmap(member->region, member->bytes);
    close(member->fd);
    pthread_mutex_destroy(&member->turn);
    free(member);
}

static Membership *use(int64_t number) {
    pthread_mutex_lock(&list_lock);
    Membership *member = *place_of(number);
    if (member && member->has_left) member = NULL;
    if (member) member->users++;
    pthread_mutex_unlock(&list_lock);
    return member;
}

static void end_use(int64_t number, int leaves) {
    pthread_mutex_lock(&list_lock);
    Membership **place = place_of(number), *member = *place;
    member->has_left |= leaves;
    int is_last = --member->users == 0 && member->has_left;
    if (is_last) *place = member->next;
    pthread_mutex_unlock(&list_lock);
    if (is_last) end(member);
}

int pipeline_exchange_sees(int64_t number, int rank) {
    Membership *member = use(number);
    if (member == NULL) return 0;
    int sees = group_sees_lock(member->group, rank);
    end_use(number, 0);
    return sees;
}

void pipeline_exchange_leave(int64_t number) {
    Membership *member = use(number);
    if (member == NULL) return;
    group_leave(member->group);
    end_use(number, 1);
}

Group *borrow_group(int64_t number) {
    Membership *member = use(number);
    if (member == NULL) return NULL;
    pthread_mutex_lock(&member->turn);
    return member->group;
}

void give_back_group(int64_t number) {
    pthread_mutex_lock(&list_lock);
    Membership *member = *place_of(number);
    pthread_mutex_unlock(&list_lock);
    pthread_mutex_unlock(&member->turn);
    end_use(number, 0);
}
