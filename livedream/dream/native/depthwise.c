/* Depthwise convolutions, forward and backward, fused with the ReLU or ReLU6 before and after them; depthwise_ops.py
 * calls them.
 *
 * Tensors are channels last. Each thread takes a band of rows and walks down it in tiles of a few columns and channels.
 * The rows under the kernel are held as float32 in a ring buffer that fits in the L1 cache, so that each number is read
 * from memory, converted and masked once. Padding is zeros in the ring. For the backward pass each ReLU is stored as
 * one bit for each number, so that it reads neither the input nor the output.
 *
 * oneDNN cannot pad two sides only, and its backward pass with a stride of 2 is slow: 96 channels, 3x3, 224x128 to
 * 112x64 in bfloat16 on one thread took 2.4 ms forward and 7.3 ms backward, with padding and masks.
 */

#include "common.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* Unrolled loops keep the sums in registers. Loops over rows are not unrolled: GCC would keep the rows in registers
 * too, and there are not enough. */
#define UNROLLED _Pragma("GCC unroll 8")
#define ROLLED _Pragma("GCC unroll 1")
/* One vector of channels after another. The last one ends with the channels, so some may be computed twice. */
#define EACH_CHANNEL(c, count)                                                                                         \
    for (Index c##_next = LANES, c = 0; c < count;                                                                     \
         c = c##_next < count && c##_next + LANES > count ? count - LANES : c##_next, c##_next += LANES)
#define ALIGNED __attribute__((aligned(64)))

enum {
    TILE = 8,    /* Columns summed at a time. */
    BLOCK = 128, /* Maximum number of channels in the ring. */
    LEAST = 16,  /* Minimum number of channels. */
    LARGEST = 5, /* Maximum side of a kernel. */
    STRIDES = 2,
};
typedef float Pixel[BLOCK];
/* Number of multiplications below which a second thread costs more than it saves. */
enum { WORTH_A_THREAD = 65536 };

/* The interval that a ReLU passes unchanged. A bound that is NaN does not apply. */
typedef struct {
    float low, high;
} Bounds;
static const Bounds rectifiers[] = {{NAN, NAN}, {0, NAN}, {0, 6}}; /* none, ReLU, ReLU6 */

/* Size of input and output; side of the kernel, stride, padding above and on the left; indices into `rectifiers` for
 * the input and the output. */
typedef struct {
    Index number, rows, columns, channels, to_rows, to_columns, size, stride, top, left, before, behind;
} Depthwise;

/* End of the block of channels that begins at `start`: blocks have one size, except the last. */
static inline Index end_of_block(Index start, Index channels) {
    Index blocks = (channels + BLOCK - 1) / BLOCK,
          size = ((channels + blocks - 1) / blocks + LEAST - 1) / LEAST * LEAST;
    return start + size < channels ? start + size : channels;
}

#define JOIN(name, kind, processor) name##_##kind##_##processor
#define JOINED(name, kind, processor) JOIN(name, kind, processor)
#define PASTE(name, kind) name##_##kind
#define OF_KIND(name, kind) PASTE(name, kind)

/* The highest level of x86-64 (x86-64-v4) that is used where the processor has it. */
static Index newest = 4;
API void depthwise_newest(Index version) { newest = version; } /* for tests */

/* In kernels.c GCC clones functions for several processors (EACH_PROCESSOR). It would split the vectors here before it
 * clones, so this file is compiled once for each processor. */
#if defined(__x86_64__) && defined(__linux__) && __GNUC__ >= 12 && !defined(__clang__)
#include <immintrin.h>
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#define PROCESSOR v4
#include "depthwise_processor.h"
#undef PROCESSOR
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define PROCESSOR v3
#include "depthwise_processor.h"
#undef PROCESSOR
#pragma GCC pop_options
#define CHOSEN(name, kind)                                                                                             \
    (newest >= 4 && __builtin_cpu_supports("x86-64-v4")   ? name##_##kind##_v4                                         \
     : newest >= 3 && __builtin_cpu_supports("x86-64-v3") ? name##_##kind##_v3                                         \
                                                          : name##_##kind##_plain)
#else
#define CHOSEN(name, kind) name##_##kind##_plain
#endif
#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif
#define PROCESSOR plain
#include "depthwise_processor.h"
#undef PROCESSOR

/* The number of bands of rows, one for each thread. It does not affect the result. */
static Index bands_for(const Depthwise *d) {
#ifdef _OPENMP
    Index work = d->number * d->to_rows * d->to_columns * d->channels * d->size * d->size;
    if (work > WORTH_A_THREAD) return omp_get_max_threads();
#endif
    (void)d;
    return 1;
}

#define CHOOSE(way, kind)                                                                                              \
    (d->size == 3     ? d->stride == 1 ? CHOSEN(way##_3_1, kind) : CHOSEN(way##_3_2, kind)                             \
     : d->stride == 1 ? CHOSEN(way##_5_1, kind)                                                                        \
                      : CHOSEN(way##_5_2, kind))

#define DEPTHWISE_FUNCTIONS(TYPE, kind)                                                                                \
    /* at: input, weights (size * size, channels) and bias, float32, result; masks of the rectifiers before it and     \
     * behind it, of which nothing is written where there is no rectifier. n: a Depthwise. */                          \
    API void depthwise_##kind(void *const *at, const Index *n) {                                                       \
        const Depthwise *d = (const Depthwise *)n;                                                                     \
        const TYPE *from = at[0];                                                                                      \
        TYPE *to = at[3];                                                                                              \
        uint8_t *before = at[4], *behind = at[5];                                                                      \
        __typeof__(&forward_3_1_##kind##_plain) run = CHOOSE(forward, kind);                                           \
        Index bands = bands_for(d), source = d->rows * d->columns * d->channels;                                       \
        Index result = d->to_rows * d->to_columns * d->channels;                                                       \
        _Pragma("omp parallel for schedule(static) if (bands > 1)") for (Index i = 0; i < d->number * bands; i++) {    \
            Index input = i / bands * source, output = i / bands * result;                                             \
            run(from + input, at[1], at[2], to + output, d->before ? before + input / 8 : NULL,                        \
                d->behind ? behind + output / 8 : NULL, d, i % bands * d->to_rows / bands,                             \
                (i % bands + 1) * d->to_rows / bands);                                                                 \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* at: gradient behind it, weights, gradient before it, the masks. n: a Depthwise. */                              \
    API void depthwise_back_##kind(void *const *at, const Index *n) {                                                  \
        const Depthwise *d = (const Depthwise *)n;                                                                     \
        const TYPE *gradient = at[0];                                                                                  \
        TYPE *to = at[2];                                                                                              \
        const uint8_t *before = at[3], *behind = at[4];                                                                \
        __typeof__(&backward_3_1_##kind##_plain) run = CHOOSE(backward, kind);                                         \
        Index bands = bands_for(d), source = d->rows * d->columns * d->channels;                                       \
        Index result = d->to_rows * d->to_columns * d->channels, lines = (d->rows - 1 + d->top) / d->stride + 1;       \
        _Pragma("omp parallel for schedule(static) if (bands > 1)") for (Index i = 0; i < d->number * bands; i++) {    \
            Index input = i / bands * source, output = i / bands * result;                                             \
            run(gradient + output, at[1], to + input, d->before ? before + input / 8 : NULL,                           \
                d->behind ? behind + output / 8 : NULL, d, i % bands * lines / bands,                                  \
                (i % bands + 1) * lines / bands);                                                                      \
        }                                                                                                              \
    }

DEPTHWISE_FUNCTIONS(uint16_t, bfloat16)
DEPTHWISE_FUNCTIONS(float, float32)
