#ifndef PIPELINE_EXCHANGE_SUMS_H
#define PIPELINE_EXCHANGE_SUMS_H

#include "exchange.h"

/* Add `bytes` of numbers of each rank, from rank 0 on; `out` overlaps none of the ranks' numbers. */
void add_ranks(Type type, void *out, const unsigned char *const *ranks, int count, size_t bytes);

int can_be_added(Type type);

#endif
