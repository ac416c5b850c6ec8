#include "sums.h"

#include <string.h>

#define BLOCK 256 /* numbers of 16 bits that are added in float32 at a time */

/* One loop over two ranks' numbers, then one for each further rank: compilers make vector instructions of both. */
#define ADD(NAME, NUMBER)                                                                                              \
    static void NAME(void *to, const unsigned char *const *ranks, int count, size_t bytes) {                          \
        NUMBER *restrict out = to;                                                                                     \
        const NUMBER *a = (const void *)ranks[0], *b = (const void *)ranks[1];                                         \
        size_t numbers = bytes / sizeof(NUMBER);                                                                       \
        for (size_t i = 0; i < numbers; i++) out[i] = (NUMBER)(a[i] + b[i]);                                           \
        for (int rank = 2; rank < count; rank++) {                                                                     \
            const NUMBER *further = (const void *)ranks[rank];                                                         \
            for (size_t i = 0; i < numbers; i++) out[i] = (NUMBER)(out[i] + further[i]);                               \
        }                                                                                                              \
    }

/* Signed integers wrap around as unsigned ones do, where C leaves signed overflow undefined. */
ADD(add_8, uint8_t)
ADD(add_16, uint16_t)
ADD(add_32, uint32_t)
ADD(add_64, uint64_t)
ADD(add_float, float)
ADD(add_double, double)

static float float_of_bits(uint32_t bits) {
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static uint32_t bits_of_float(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static float of_bfloat16(uint16_t half) { return float_of_bits((uint32_t)half << 16); }

/* Rounded to the nearest, ties to even; a NaN stays one. */
static uint16_t to_bfloat16(float number) {
    uint32_t bits = bits_of_float(number);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float of_float16(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff;
    if (rest >= 0x7c00) return float_of_bits(sign | 0x7f800000u | (rest & 0x3ff) << 13);
    if (rest >= 0x400) return float_of_bits(sign | (rest + ((127 - 15) << 10)) << 13);
    float small = (float)rest * 0x1p-24f; /* subnormal: a multiple of the smallest number */
    return sign ? -small : small;
}

/* Likewise. */
static uint16_t to_float16(float number) {
    uint32_t bits = bits_of_float(number), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffffu;
    if (rest > 0x7f800000u) return (uint16_t)(sign | 0x7e00);
    if (rest >= 0x477ff000u) return (uint16_t)(sign | 0x7c00); /* 65520 and more round to infinity */
    if (rest < 0x38800000u) {                                  /* below 2^-14: the sum with 0.5 has the right unit */
        uint32_t units = bits_of_float(float_of_bits(rest) + 0.5f) - bits_of_float(0.5f);
        return (uint16_t)(sign | units);
    }
    uint32_t rounded = rest + 0xfff + (rest >> 13 & 1);
    return (uint16_t)(sign | (rounded - ((127 - 15) << 23)) >> 13);
}

#define ADD_WIDE(NAME, WIDEN, NARROW)                                                                                  \
    static void NAME(void *to, const unsigned char *const *ranks, int count, size_t bytes) {                          \
        uint16_t *restrict out = to;                                                                                   \
        size_t numbers = bytes / sizeof(uint16_t);                                                                     \
        for (size_t first = 0; first < numbers; first += BLOCK) {                                                      \
            float total[BLOCK];                                                                                        \
            size_t size = numbers - first < BLOCK ? numbers - first : BLOCK;                                           \
            const uint16_t *own = (const uint16_t *)(const void *)ranks[0] + first;                                    \
            for (size_t i = 0; i < size; i++) total[i] = WIDEN(own[i]);                                                \
            for (int rank = 1; rank < count; rank++) {                                                                 \
                const uint16_t *further = (const uint16_t *)(const void *)ranks[rank] + first;                         \
                for (size_t i = 0; i < size; i++) total[i] += WIDEN(further[i]);                                       \
            }                                                                                                          \
            for (size_t i = 0; i < size; i++) out[first + i] = NARROW(total[i]);                                       \
        }                                                                                                              \
    }

ADD_WIDE(add_float16, of_float16, to_float16)
ADD_WIDE(add_bfloat16, of_bfloat16, to_bfloat16)

typedef void (*Add)(void *, const unsigned char *const *, int, size_t);

static const Add ADDERS[] = {
    [TYPE_BYTES] = NULL,        [TYPE_INT8] = add_8,       [TYPE_INT16] = add_16,     [TYPE_INT32] = add_32,
    [TYPE_INT64] = add_64,      [TYPE_UINT8] = add_8,      [TYPE_UINT16] = add_16,    [TYPE_UINT32] = add_32,
    [TYPE_UINT64] = add_64,     [TYPE_FLOAT16] = add_float16, [TYPE_BFLOAT16] = add_bfloat16,
    [TYPE_FLOAT32] = add_float, [TYPE_FLOAT64] = add_double,
};

int can_be_added(Type type) { return ADDERS[type] != NULL; }

void add_ranks(Type type, void *out, const unsigned char *const *ranks, int count, size_t bytes) {
    if (count == 1) memcpy(out, ranks[0], bytes);
    else ADDERS[type](out, ranks, count, bytes);
}
