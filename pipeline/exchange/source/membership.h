/* The groups that this process is a member of, by number, for those who know nothing of groups: Python, and operations
 * of TensorFlow, which may outlive a training run. */
#ifndef PIPELINE_EXCHANGE_MEMBERSHIP_H
#define PIPELINE_EXCHANGE_MEMBERSHIP_H

#include "exchange.h"

#define EXPORTED __attribute__((visibility("default")))

/* Bytes of the file that ranks share. */
EXPORTED uint64_t pipeline_exchange_bytes(int ranks);

/* Join by a file that has that many bytes, all zero before the first rank joins.
 *
 * fd: of the file; closed when this rank leaves, and by nobody else, because closing any descriptor of the file ends the
 *     record lock by which the others see that this process lives. It is closed at a failure, too.
 *
 * Returns the number of the membership, or -errno.
 */
EXPORTED int64_t pipeline_exchange_join(int fd, int rank, int ranks, double time_limit);

/* Whether this process sees that another rank has joined and is alive; 0 or 1. */
EXPORTED int pipeline_exchange_sees(int64_t number, int rank);

EXPORTED void pipeline_exchange_leave(int64_t number);

/* The group of a membership, for this thread alone until it is given back; NULL where there is none (any longer). */
Group *borrow_group(int64_t number);

void give_back_group(int64_t number);

#endif
