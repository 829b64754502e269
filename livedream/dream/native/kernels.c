/* Operations of a step that neither torch nor OpenCV performs in one pass over memory. The Python modules beside this
 * file call them through ctypes and document their results. Images and activations are contiguous arrays of shape (n,
 * rows, columns, channels), channels last. Nothing here depends on Python.
 */

#include "common.h"

#include <math.h>
#include <string.h>

/* One library for all processors: when it is loaded, glibc selects one of three versions of each function. */
#if defined(__x86_64__) && defined(__linux__) && __GNUC__ >= 12 && !defined(__clang__)
#define EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EACH_PROCESSOR
#endif

/* Channels processed at a time, so that their sums stay in registers. */
enum { CHUNK = 64 };
/* Number of elements below which a second thread costs more than it saves. */
enum { WORTH_A_THREAD = 16384 };
/* Length of the parts that threads work on. It does not depend on their number, so neither do the sums. */
enum { PART = 4096 };

static inline float from_bfloat16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static inline uint16_t to_bfloat16(float value) { /* round to nearest, ties to even; NaN stays NaN */
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
}

static inline float from_float32(float value) { return value; }
static inline float to_float32(float value) { return value; }

/* Integers that sort like the floating-point numbers whose bits they hold. NaN is the largest, so that it passes
 * through poolings and ReLUs to the place where it is noticed. */
static inline int16_t order_bfloat16(uint16_t bits) {
    int16_t order = (int16_t)(bits ^ (uint16_t)((int16_t)bits >> 15 & 0x7fff));
    return (bits & 0x7fff) > 0x7f80 ? INT16_MAX : order;
}
static inline int32_t order_float32(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    int32_t order = bits ^ (bits >> 31 & 0x7fffffff);
    return (bits & 0x7fffffff) > 0x7f800000 ? INT32_MAX : order;
}
static inline uint16_t unorder_bfloat16(int16_t order) { return (uint16_t)order ^ (uint16_t)(order >> 15 & 0x7fff); }
static inline float unorder_float32(int32_t order) {
    int32_t bits = order ^ (order >> 31 & 0x7fffffff);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A pooling: input and output size, the size of its window, its strides and its padding. */
typedef struct {
    Index number, rows, columns, channels, to_rows, to_columns;
    Index high, wide, down, across, top, left;
} Pooling;
enum { POOLING = sizeof(Pooling) / sizeof(Index) };

/* Maximum number of windows of a pooling that contain one pixel. */
enum { MOST = 64 };
#define WINDOW(w)                                                                                                      \
    const uint8_t *place##w = place + at[w], here##w = here[w];                                                        \
    const __typeof__(*gradient) *gradient##w = gradient + at[w];
#define GIVEN(w) (place##w[c] == here##w ? gradient##w[c] : 0)
/* Not a position in a window: where a ReLU gave zero, no gradient flows back. */
enum { NOWHERE = 255 };

#define JOINED(name, kind) name##_##kind

#define TYPE uint16_t
#define ORDER int16_t
#define FOR(name) JOINED(name, bfloat16)
#include "kernels_typed.h"
#undef TYPE
#undef ORDER
#undef FOR

#define TYPE float
#define ORDER int32_t
#define FOR(name) JOINED(name, float32)
#include "kernels_typed.h"

API void roll(const float *from, float *to, Index number, Index rows, Index columns, Index channels, Index down,
              Index right) {
    size_t pixel = (size_t)channels * sizeof(float);
#pragma omp parallel for schedule(static) if (number * rows * columns * channels > WORTH_A_THREAD)
    for (Index row = 0; row < number * rows; row++) {
        const float *source = from + row * columns * channels;
        float *target = to + (row / rows * rows + (row % rows + down) % rows) * columns * channels;
        memcpy(target + right * channels, source, (size_t)(columns - right) * pixel);
        memcpy(target, source + (columns - right) * channels, (size_t)right * pixel);
    }
}

EACH_PROCESSOR static double absolute_part(const float *restrict values, Index count) {
    /* Sixteen sums, because the order of additions must not depend on the width of vectors. */
    float sums[16] = {0};
    Index whole = count - count % 16;
    for (Index i = 0; i < whole; i += 16)
        for (int k = 0; k < 16; k++) sums[k] += fabsf(values[i + k]);
    double total = 0;
    for (int k = 0; k < 16; k++) total += sums[k];
    for (Index i = whole; i < count; i++) total += fabsf(values[i]);
    return total;
}

API double absolute_mean(const float *values, Index count) {
    double total = 0;
    for (Index start = 0; start < count; start += PART)
        total += absolute_part(values + start, count - start < PART ? count - start : PART);
    return total / (double)count;
}

/* Maximum number of levels of a pyramid. */
enum { MOST_LEVELS = 8 };

/* A pyramid of planes, from the finest level to the coarsest; each level has one plane for each of three channels. */
typedef struct {
    Index rows, columns;
    Index levels;
    float colors[9];
    float factors[MOST_LEVELS]; /* of the levels: applied before the next level is added, see precondition.py */
} Precondition;

static inline Index half(Index side) { return (side + 1) / 2; }

/* Apply the colour matrix to a row of pixels and split it into three rows, one for each channel. */
EACH_PROCESSOR static void mix_row(const float *restrict from, float *restrict red, float *restrict green,
                                   float *restrict blue, const float *restrict m, Index columns) {
    for (Index x = 0; x < columns; x++) {
        float r = from[3 * x], g = from[3 * x + 1], b = from[3 * x + 2];
        red[x] = m[0] * r + m[1] * g + m[2] * b;
        green[x] = m[3] * r + m[4] * g + m[5] * b;
        blue[x] = m[6] * r + m[7] * g + m[8] * b;
    }
}

/* One row of a plane at half its width and height: binomial weights over six pixels, edges repeated. Strips of columns
 * keep the sums in the cache. */
enum { STRIP = 512 };
EACH_PROCESSOR static void halve_row(const float *plane, float *restrict to, Index rows, Index columns, Index row) {
    const float *from[6];
    for (Index k = 0; k < 6; k++) {
        Index y = 2 * row - 2 + k;
        from[k] = plane + (y < 0 ? 0 : y >= rows ? rows - 1 : y) * columns;
    }
    Index wide = half(columns);
    for (Index start = 0; start < wide; start += STRIP) {
        Index count = wide - start < STRIP ? wide - start : STRIP;
        /* Vertical sums of the columns 2 * start - 2 to 2 * (start + count) + 2. */
        float sums[2 * STRIP + 4], even[STRIP + 2], odd[STRIP + 2];
        Index first = 2 * start - 2, last = 2 * (start + count) + 2;
        Index inner = first < 0 ? 0 : first, end = last > columns ? columns : last;
        const float *a = from[0], *b = from[1], *c = from[2], *d = from[3], *e = from[4], *f = from[5];
        float *restrict at = sums - first;
        for (Index x = inner; x < end; x++)
            at[x] = (1.0f / 32) * (a[x] + f[x]) + (5.0f / 32) * (b[x] + e[x]) + (10.0f / 32) * (c[x] + d[x]);
        for (Index x = first; x < inner; x++) at[x] = at[inner];
        for (Index x = end; x < last; x++) at[x] = at[end - 1];
        for (Index x = 0; x < count + 2; x++) even[x] = sums[2 * x], odd[x] = sums[2 * x + 1];
        for (Index x = 0; x < count; x++)
            to[start + x] = (1.0f / 32) * (even[x] + odd[x + 2]) + (5.0f / 32) * (odd[x] + even[x + 2]) +
                            (10.0f / 32) * (even[x + 1] + odd[x + 1]);
    }
}

/* Multiply one row of a plane by `factor` and add the interpolated plane of half its width and height. */
EACH_PROCESSOR static void double_row(const float *small, float *restrict to, float factor, Index rows, Index columns,
                                      Index row) {
    Index wide = half(columns), high = half(rows), y = row / 2;
    Index beside = row % 2 ? (y + 1 < high ? y + 1 : y) : (y > 0 ? y - 1 : 0);
    const float *near = small + y * wide, *far = small + beside * wide;
    for (Index start = 0; start < wide; start += STRIP) {
        Index count = wide - start < STRIP ? wide - start : STRIP;
        float sums[STRIP + 2], both[2 * STRIP];
        Index first = start - 1, last = start + count + 1;
        Index inner = first < 0 ? 0 : first, end = last > wide ? wide : last;
        float *restrict at = sums - first;
        for (Index x = inner; x < end; x++) at[x] = 0.75f * near[x] + 0.25f * far[x];
        if (first < inner) at[first] = at[inner];
        if (end < last) at[end] = at[end - 1];
        for (Index x = 0; x < count; x++) {
            both[2 * x] = 0.75f * sums[x + 1] + 0.25f * sums[x];
            both[2 * x + 1] = 0.75f * sums[x + 1] + 0.25f * sums[x + 2];
        }
        Index pixels = 2 * count < columns - 2 * start ? 2 * count : columns - 2 * start;
        for (Index x = 0; x < pixels; x++) to[2 * start + x] = to[2 * start + x] * factor + both[x];
    }
}

/* Interleave three rows into one row of pixels; returns the sum of the absolute values. */
EACH_PROCESSOR static double weave_row(const float *restrict red, const float *restrict green,
                                       const float *restrict blue, float *restrict to, float factor, Index columns) {
    for (Index x = 0; x < columns; x++) {
        to[3 * x] = red[x] * factor;
        to[3 * x + 1] = green[x] * factor;
        to[3 * x + 2] = blue[x] * factor;
    }
    return absolute_part(to, 3 * columns);
}

/* Apply the colour matrix to a gradient (rows, columns, 3) and weight the levels of its pyramid; returns the mean
 * absolute value of the result. planes: scratch space for the pyramid. sums: scratch space, one number for each row. */
API double precondition(const float *from, float *to, float *planes, double *sums, const Precondition *p) {
    Index rows[MOST_LEVELS], columns[MOST_LEVELS];
    float *level[MOST_LEVELS];
    float *next = planes;
    for (Index k = 0; k < p->levels; k++) {
        rows[k] = k ? half(rows[k - 1]) : p->rows;
        columns[k] = k ? half(columns[k - 1]) : p->columns;
        level[k] = next;
        next += 3 * rows[k] * columns[k];
    }
    Index plane = rows[0] * columns[0];
#pragma omp parallel for schedule(static) if (plane > WORTH_A_THREAD)
    for (Index y = 0; y < rows[0]; y++) {
        float *row = level[0] + y * columns[0];
        mix_row(from + 3 * y * columns[0], row, row + plane, row + 2 * plane, p->colors, columns[0]);
    }
    for (Index k = 1; k < p->levels; k++) {
#pragma omp parallel for schedule(static) if (rows[k] * columns[k] > WORTH_A_THREAD)
        for (Index line = 0; line < 3 * rows[k]; line++) {
            Index channel = line / rows[k], y = line % rows[k];
            halve_row(level[k - 1] + channel * rows[k - 1] * columns[k - 1], level[k] + line * columns[k], rows[k - 1],
                      columns[k - 1], y);
        }
    }
    /* The coarsest level is only multiplied. */
    float alone = p->factors[p->levels - 1];
    if (p->levels > 1)
        for (Index i = 0; i < 3 * rows[p->levels - 1] * columns[p->levels - 1]; i++) level[p->levels - 1][i] *= alone;
    for (Index k = p->levels - 2; k >= 0; k--) {
#pragma omp parallel for schedule(static) if (rows[k] * columns[k] > WORTH_A_THREAD)
        for (Index line = 0; line < 3 * rows[k]; line++) {
            Index channel = line / rows[k], y = line % rows[k];
            double_row(level[k + 1] + channel * rows[k + 1] * columns[k + 1], level[k] + line * columns[k],
                       p->factors[k], rows[k], columns[k], y);
        }
    }
    float last = p->levels > 1 ? 1 : alone;
#pragma omp parallel for schedule(static) if (plane > WORTH_A_THREAD)
    for (Index y = 0; y < rows[0]; y++) {
        const float *row = level[0] + y * columns[0];
        sums[y] = weave_row(row, row + plane, row + 2 * plane, to + 3 * y * columns[0], last, columns[0]);
    }
    double total = 0; /* row by row: the sum does not depend on the number of threads */
    for (Index y = 0; y < rows[0]; y++) total += sums[y];
    return total / (double)(3 * plane);
}

EACH_PROCESSOR static void add_scaled_part(const float *restrict from, const float *restrict change, float *restrict to,
                                           float scale, Index count) {
    for (Index i = 0; i < count; i++) to[i] = from[i] + change[i] * scale;
}

API void add_scaled(const float *from, const float *change, float *to, float scale, Index count) {
#pragma omp parallel for schedule(static) if (count > WORTH_A_THREAD)
    for (Index start = 0; start < count; start += PART)
        add_scaled_part(from + start, change + start, to + start, scale, count - start < PART ? count - start : PART);
}

/* What a stream carries from frame to frame are float32 images of three channels. Each pixel is read together with the
 * first channel of the next one: four numbers make a vector. */
typedef float Four __attribute__((vector_size(16)));

static inline Four load(const float *from) {
    Four values;
    memcpy(&values, from, sizeof values);
    return values;
}

/* The previous position of a pixel: offsets of the four pixels around it, and their weights. */
typedef struct {
    int at[4];
    float weight[4];
} Corner;

static inline int clamped(int value, int most) { return value < 0 ? 0 : value > most ? most : value; }

static inline Corner corner_of(float x, float y, int rows, int columns) {
    Corner corner;
    /* Far outside or NaN: use the edge. */
    x = x > -1 ? x < (float)columns ? x : (float)columns : -1;
    y = y > -1 ? y < (float)rows ? y : (float)rows : -1;
    int left = (int)(x + 1) - 1, above = (int)(y + 1) - 1;
    float right = x - (float)left, below = y - (float)above;
    int x0 = 3 * clamped(left, columns - 1), x1 = 3 * clamped(left + 1, columns - 1);
    int y0 = 3 * columns * clamped(above, rows - 1), y1 = 3 * columns * clamped(above + 1, rows - 1);
    corner.at[0] = y0 + x0, corner.at[1] = y0 + x1, corner.at[2] = y1 + x0, corner.at[3] = y1 + x1;
    corner.weight[3] = right * below, corner.weight[2] = below - corner.weight[3];
    corner.weight[1] = right - corner.weight[3], corner.weight[0] = 1 - right - corner.weight[2];
    return corner;
}

/* The interpolated pixel at `corner`. count: length of `from`. */
static inline Four moved(const float *from, const Corner *corner, int count) {
    if (corner->at[3] + 4 > count) {
        Four sum = {0, 0, 0, 0};
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < 3; c++) sum[c] += from[corner->at[k] + c] * corner->weight[k];
        return sum;
    }
    return load(from + corner->at[0]) * corner->weight[0] + load(from + corner->at[1]) * corner->weight[1] +
           load(from + corner->at[2]) * corner->weight[2] + load(from + corner->at[3]) * corner->weight[3];
}

typedef struct {
    Index rows, columns;
    float keep; /* share of the residual that is kept */
    float leak; /* share of the residual's mean that is subtracted */
} Travel;

EACH_PROCESSOR static void warp_row(const float *residual, const float *pending, const float *restrict flow,
                                    const float *restrict confidence, float *restrict to, float *restrict pending_to,
                                    double *sums, const Travel *t, Index row) {
    int count = (int)(3 * t->rows * t->columns);
    Index first = row * t->columns;
    Four line = {0, 0, 0, 0};
    for (Index column = 0; column < t->columns; column++) {
        Index pixel = first + column;
        Four value, held = {0, 0, 0, 0};
        if (flow[2 * pixel] == 0 && flow[2 * pixel + 1] == 0 &&
            3 * pixel + 4 <= count) { /* most pixels of a still scene */
            value = load(residual + 3 * pixel);
            if (pending) held = load(pending + 3 * pixel);
        } else {
            Corner corner = corner_of((float)column + flow[2 * pixel], (float)row + flow[2 * pixel + 1], (int)t->rows,
                                      (int)t->columns);
            value = moved(residual, &corner, count);
            if (pending) held = moved(pending, &corner, count);
        }
        value *= confidence[pixel] * t->keep;
        line += value;
        memcpy(to + 3 * pixel, &value, 3 * sizeof(float));
        if (pending) {
            held *= confidence[pixel];
            memcpy(pending_to + 3 * pixel, &held, 3 * sizeof(float));
        }
    }
    for (int c = 0; c < 3; c++) sums[c] = line[c];
}

EACH_PROCESSOR static void add_warped(const float *restrict picture, float *restrict to, const float *restrict mean,
                                      Index columns) {
    for (Index column = 0; column < columns; column++)
        for (int c = 0; c < 3; c++) to[3 * column + c] += picture[3 * column + c] - mean[c];
}

/* Warp the residual, and the part of it that is pending, along a flow (x, y), and add the residual to an image.
 * sums: scratch space, 3 numbers for each row. */
API void warp_and_add(const float *residual, const float *pending, const float *flow, const float *confidence,
                      const float *picture, float *to, float *pending_to, double *sums, const Travel *t) {
#pragma omp parallel for schedule(static)
    for (Index row = 0; row < t->rows; row++)
        warp_row(residual, pending, flow, confidence, to, pending_to, sums + 3 * row, t, row);
    float mean[3];
    for (int c = 0; c < 3; c++) {
        double total = 0; /* row by row: the sum does not depend on the number of threads */
        for (Index row = 0; row < t->rows; row++) total += sums[3 * row + c];
        mean[c] = (float)(total / (double)(t->rows * t->columns)) * t->leak;
    }
#pragma omp parallel for schedule(static)
    for (Index row = 0; row < t->rows; row++)
        add_warped(picture + 3 * row * t->columns, to + 3 * row * t->columns, mean, t->columns);
}

EACH_PROCESSOR static void settle_part(const float *restrict dream, const float *restrict before,
                                       const float *restrict picture, const float *restrict pending,
                                       float *restrict residual, float *restrict pending_to, int16_t *restrict shown,
                                       float share, float headroom, Index count) {
    for (Index i = 0; i < count; i++) {
        float lowest = picture[i] < headroom ? picture[i] : headroom;
        float highest = picture[i] > 255 - headroom ? picture[i] : 255 - headroom;
        float value = dream[i] < lowest ? lowest : dream[i] > highest ? highest : dream[i];
        residual[i] = value - picture[i];
        pending_to[i] = (value - before[i] + pending[i]) * share;
        shown[i] = (int16_t)rintf(residual[i] - pending_to[i]);
    }
}

/* Split the dream of a frame into the residual, the share of its change that is pending, and the rest, which is shown.
 */
API void split_residual(const float *dream, const float *before, const float *picture, const float *pending,
                        float *residual, float *pending_to, int16_t *shown, float share, float headroom, Index count) {
#pragma omp parallel for schedule(static) if (count > WORTH_A_THREAD)
    for (Index start = 0; start < count; start += PART)
        settle_part(dream + start, before + start, picture + start, pending + start, residual + start,
                    pending_to + start, shown + start, share, headroom, count - start < PART ? count - start : PART);
}

/* Add `residual` to `pixels`, clamped to 0..255. On one thread: in a stream, composing runs beside dreaming. */
API EACH_PROCESSOR void add_pixels(const uint8_t *restrict pixels, const int16_t *restrict residual,
                                   uint8_t *restrict to, Index count) {
    for (Index i = 0; i < count; i++) {
        /* The sum cannot exceed 2^15: a residual is at most 255 times the strength, which is at most 4. */
        int16_t sum = (int16_t)(pixels[i] + residual[i]);
        to[i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

/* Masks at the full size of a frame: mask_edges.py does the same with numpy where there is no compiled library. Integer
 * arithmetic makes both bit-identical. On one thread: in a stream, composing runs beside dreaming. */

/* Planes of a grid of coefficients: slopes of red, green and blue, and the offset; the bits of their fractions, and
 * limits that keep every sum below 2^31. */
enum { COEFFICIENTS = 4, SLOPE_BITS = 10, OFFSET_BITS = 6, LARGEST_SLOPE = 40 << 10, LARGEST_OFFSET = 16384 << 6 };
/* What the mask of a patch between four grid points is, whatever its pixels are. */
enum { IS_MIXED, IS_ZERO, IS_FULL };

/* The fit of a small mask to a small frame. */
typedef struct {
    Index rows, columns;
    Index reach, smoothing; /* points on either side */
    double noise, steepness, trust;
} Fit;

/* Window sums for a row of `first`, or of its products with `second`, over all points at most `reach` away, edges
 * repeated. line: scratch space, columns + 2 * reach numbers. */
EACH_PROCESSOR static void sum_window(const int32_t *first, const int32_t *second, Index rows, Index columns,
                                      Index reach, Index row, int32_t *restrict line, int32_t *restrict to) {
    int32_t *restrict middle = line + reach;
    for (Index x = 0; x < columns; x++) middle[x] = 0;
    for (Index near = row - reach; near <= row + reach; near++) {
        Index start = (near < 0 ? 0 : near >= rows ? rows - 1 : near) * columns;
        if (second)
            for (Index x = 0; x < columns; x++) middle[x] += first[start + x] * second[start + x];
        else
            for (Index x = 0; x < columns; x++) middle[x] += first[start + x];
    }
    for (Index k = 1; k <= reach; k++) middle[-k] = middle[0], middle[columns - 1 + k] = middle[columns - 1];
    for (Index x = 0; x < columns; x++) to[x] = line[x];
    for (Index k = 1; k <= 2 * reach; k++)
        for (Index x = 0; x < columns; x++) to[x] += line[x + k];
}

static inline int32_t fixed(double value, int bits, int largest) {
    double whole = rint(value * (1 << bits));
    return (int32_t)(whole < -largest ? -largest : whole > largest ? largest : whole);
}

/* Pairs of red, green, blue and mask (0 to 3) whose products are summed. The four single sums come first. */
static const struct {
    int first, second;
} PAIRS[] = {{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 2}, {0, 3}, {1, 3}, {2, 3}};
enum { ALL_PAIRS = sizeof PAIRS / sizeof *PAIRS, SUMS = 4 + ALL_PAIRS };

/* The coefficients of a row, before averaging, from its SUMS window sums. plane: distance between planes of `to`, in
 * numbers. */
EACH_PROCESSOR static void solve_row(const int32_t *restrict sums, const Fit *f, int32_t *restrict to, Index plane) {
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF /* as with GCC's -std=c11: bit-identical to numpy */
#endif
    double share = 1.0 / (double)((2 * f->reach + 1) * (2 * f->reach + 1)), noise = f->noise, steepness = f->steepness;
    Index n = f->columns;
    for (Index x = 0; x < n; x++) {
        double red = sums[x] * share, green = sums[n + x] * share, blue = sums[2 * n + x] * share;
        double mask = sums[3 * n + x] * share;
        double rr = sums[4 * n + x] * share - red * red + noise, rg = sums[5 * n + x] * share - red * green;
        double rb = sums[6 * n + x] * share - red * blue, gg = sums[7 * n + x] * share - green * green + noise;
        double gb = sums[8 * n + x] * share - green * blue, bb = sums[9 * n + x] * share - blue * blue + noise;
        double r = sums[10 * n + x] * share - red * mask, g = sums[11 * n + x] * share - green * mask;
        double b = sums[12 * n + x] * share - blue * mask;
        /* Invert the symmetric covariance matrix by its cofactors. */
        double rr_ = gg * bb - gb * gb, rg_ = rb * gb - rg * bb, rb_ = rg * gb - rb * gg;
        double gg_ = rr * bb - rb * rb, gb_ = rg * rb - rr * gb, bb_ = rr * gg - rg * rg;
        double scale = steepness / (rr * rr_ + rg * rg_ + rb * rb_);
        double of_red = (rr_ * r + rg_ * g + rb_ * b) * scale, of_green = (rg_ * r + gg_ * g + gb_ * b) * scale;
        double of_blue = (rb_ * r + gb_ * g + bb_ * b) * scale;
        double offset = steepness * (mask - 127.5) + 127.5 - (of_red * red + of_green * green + of_blue * blue);
        to[x] = fixed(of_red, SLOPE_BITS, LARGEST_SLOPE);
        to[plane + x] = fixed(of_green, SLOPE_BITS, LARGEST_SLOPE);
        to[2 * plane + x] = fixed(of_blue, SLOPE_BITS, LARGEST_SLOPE);
        to[3 * plane + x] = fixed(offset, OFFSET_BITS, LARGEST_OFFSET);
    }
}

/* Whether a grid point gives 0 or 255 for every pixel. step: distance between coefficients. */
static inline int kind_of_point(const int32_t *point, Index step) {
    int32_t most = point[3 * step] * (1 << (SLOPE_BITS - OFFSET_BITS)), least = most;
    for (int k = 0; k < 3; k++) *(point[k * step] > 0 ? &most : &least) += point[k * step] * 255;
    /* Interpolation rounds by less than 2 for each slope, which is multiplied by up to 255. */
    int32_t margin = 255 * 6;
    return most <= -margin ? IS_ZERO : least >= (255 << SLOPE_BITS) + margin ? IS_FULL : IS_MIXED;
}

/* The coefficients of a guided filter.
 * planes: red, green, blue and mask, each (rows, columns), 0..255. grid: (rows + 1, COEFFICIENTS, columns + 1), the
 * last row and column repeated. kinds: of each patch between four points, (rows, columns). room: scratch space,
 * COEFFICIENTS * rows * columns numbers for the coefficients before averaging, and (SUMS + 1) * (columns + 2 * reach)
 * for sums. */
API void fit_mask(const int32_t *planes, int32_t *grid, uint8_t *kinds, int32_t *room, const Fit *f) {
    Index n = f->columns, plane = f->rows * n, line = COEFFICIENTS * (n + 1);
    int32_t *sums = room + COEFFICIENTS * plane, *window = sums + SUMS * n;
    for (Index y = 0; y < f->rows; y++) {
        for (int k = 0; k < 4; k++) sum_window(planes + k * plane, 0, f->rows, n, f->reach, y, window, sums + k * n);
        for (int k = 0; k < ALL_PAIRS; k++)
            sum_window(planes + PAIRS[k].first * plane, planes + PAIRS[k].second * plane, f->rows, n, f->reach, y,
                       window, sums + (4 + k) * n);
        solve_row(sums, f, room + y * n, plane);
    }
    double share = 1.0 / (double)((2 * f->smoothing + 1) * (2 * f->smoothing + 1));
    for (Index y = 0; y < f->rows; y++) {
        int32_t *row = grid + y * line;
        for (int k = 0; k < COEFFICIENTS; k++) {
            sum_window(room + k * plane, 0, f->rows, n, f->smoothing, y, window, sums);
            for (Index x = 0; x < n; x++) row[k * (n + 1) + x] = (int32_t)rint(sums[x] * share);
        }
        for (Index x = 0; x < n; x++)
            row[3 * (n + 1) + x] += (int32_t)rint((planes[3 * plane + y * n + x] - 127.5) * f->trust);
        for (int k = 0; k < COEFFICIENTS; k++) row[k * (n + 1) + n] = row[k * (n + 1) + n - 1];
    }
    memcpy(grid + f->rows * line, grid + (f->rows - 1) * line, (size_t)line * sizeof *grid);
    for (Index y = 0; y < f->rows; y++)
        for (Index x = 0; x < n; x++) {
            const int32_t *point = grid + y * line + x;
            int kind = kind_of_point(point, n + 1);
            int same = kind == kind_of_point(point + 1, n + 1) && kind == kind_of_point(point + line, n + 1) &&
                       kind == kind_of_point(point + line + 1, n + 1);
            kinds[y * n + x] = (uint8_t)(same ? kind : IS_MIXED);
        }
}

/* A grid of coefficients, interpolated over a frame. */
typedef struct {
    Index rows, columns;           /* of the frame */
    Index grid_rows, grid_columns; /* of the grid, without its repeated last row and column */
    const int32_t *grid;           /* (grid_rows + 1, COEFFICIENTS, grid_columns + 1) */
    const uint8_t *kinds;          /* of each patch, (grid_rows, grid_columns) */
    const int32_t *across, *down;  /* position of a column or row on the grid, times 256 */
    const int32_t *starts;         /* the first column of each patch, and the end of the last */
} Guide;

/* Columns written at once: a patch may write into the next one, which is written later. */
enum { LANES = 16 };

/* Interpolate two rows of the grid over the columns of patches `first` to `last`: the upper row times 256, and the
 * difference of the lower row from it. pitch: distance between planes, in numbers. */
EACH_PROCESSOR static void stretch_rows(const int32_t *grid, const Guide *g, Index first, Index last,
                                        int32_t *restrict upper, int32_t *restrict change, Index pitch) {
    Index wide = g->grid_columns + 1;
    for (int plane = 0; plane < COEFFICIENTS; plane++) {
        const int32_t *above = grid + plane * wide, *below = above + COEFFICIENTS * wide;
        int32_t *restrict up = upper + plane * pitch, *restrict to = change + plane * pitch;
        for (Index patch = first; patch < last; patch++) {
            int32_t left = above[patch] * 256 + 128, rise = above[patch + 1] - above[patch];
            int32_t low_left = below[patch] * 256 + 128, low_rise = below[patch + 1] - below[patch];
            for (Index start = g->starts[patch]; start < g->starts[patch + 1]; start += LANES)
                for (Index x = start; x < start + LANES; x++) {
                    int32_t share = g->across[x] & 255;
                    int32_t high = (left + rise * share) >> 8, low = (low_left + low_rise * share) >> 8;
                    up[x] = high * 256;
                    to[x] = low - high;
                }
        }
    }
}

/* The mask of columns `start` to `end` of a row that lies share / 256 of the way between two interpolated grid rows. */
EACH_PROCESSOR static void guide_row(const uint8_t *restrict pixels, const int32_t *restrict upper,
                                     const int32_t *restrict change, Index pitch, int32_t share, uint8_t *restrict to,
                                     Index start, Index end) {
    for (Index x = start; x < end; x++) {
        int32_t red = (upper[x] + change[x] * share) >> 8;
        int32_t green = (upper[pitch + x] + change[pitch + x] * share) >> 8;
        int32_t blue = (upper[2 * pitch + x] + change[2 * pitch + x] * share) >> 8;
        int32_t offset = (upper[3 * pitch + x] + change[3 * pitch + x] * share) >> 4;
        int32_t sum = red * pixels[3 * x] + green * pixels[3 * x + 1] + blue * pixels[3 * x + 2] + offset;
        int32_t value = (sum + 512) >> 10;
        to[x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* The rows of a mask between two rows of the grid. */
static void guide_strip(const uint8_t *pixels, Index top, Index bottom, int32_t *room, uint8_t *to, const Guide *g) {
    Index row = g->down[top] >> 8, pitch = g->columns + LANES;
    int32_t *upper = room, *change = room + COEFFICIENTS * pitch;
    const uint8_t *kind = g->kinds + row * g->grid_columns;
    for (Index patch = 0, next; patch < g->grid_columns; patch = next) {
        for (next = patch + 1; next < g->grid_columns && kind[next] == kind[patch]; next++) continue;
        Index start = g->starts[patch], end = g->starts[next];
        if (kind[patch] == IS_MIXED)
            stretch_rows(g->grid + row * COEFFICIENTS * (g->grid_columns + 1), g, patch, next, upper, change, pitch);
        for (Index y = top; y < bottom; y++) {
            uint8_t *mask = to + y * g->columns;
            if (kind[patch] == IS_MIXED)
                guide_row(pixels + 3 * y * g->columns, upper, change, pitch, g->down[y] & 255, mask, start, end);
            else
                memset(mask + start, kind[patch] == IS_FULL ? 255 : 0, (size_t)(end - start));
        }
    }
}

/* Smooth a row of a mask by 1 2 1 in both directions and double its slope. `to` may be `row`. */
EACH_PROCESSOR static void harden_row(const uint8_t *above, const uint8_t *row, const uint8_t *below,
                                      int16_t *restrict sums, uint8_t *to, Index columns) {
    for (Index x = 0; x < columns; x++) sums[x + 1] = (int16_t)(above[x] + 2 * row[x] + below[x]);
    sums[0] = sums[1], sums[columns + 1] = sums[columns];
    for (Index x = 0; x < columns; x++) {
        /* The mean is a sixteenth of it; with twice the slope about the same middle, an eighth minus 127.5. */
        int16_t value = (int16_t)((int16_t)(sums[x] + 2 * sums[x + 1] + sums[x + 2] - 1016) >> 3);
        to[x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* The mask of a frame from the coefficients of a guided filter, smoothed and made steeper. room: scratch space, 2 *
 * COEFFICIENTS * (columns + LANES) numbers. g->across: LANES numbers longer than the frame is wide. */
API void guide_mask(const uint8_t *pixels, int32_t *room, uint8_t *to, const Guide *g) {
    for (Index top = 0, bottom; top < g->rows; top = bottom) {
        for (bottom = top + 1; bottom < g->rows && g->down[bottom] >> 8 == g->down[top] >> 8; bottom++) continue;
        guide_strip(pixels, top, bottom, room, to, g);
    }
    /* In place: a copy of the row above is kept. */
    int16_t *sums = (int16_t *)room;
    uint8_t *above = (uint8_t *)(room + g->columns + LANES), *kept = above + g->columns;
    memcpy(above, to, (size_t)g->columns);
    for (Index y = 0; y < g->rows; y++) {
        uint8_t *row = to + y * g->columns, *swapped = kept;
        memcpy(kept, row, (size_t)g->columns);
        harden_row(above, kept, y + 1 < g->rows ? row + g->columns : kept, sums, row, g->columns);
        kept = above, above = swapped;
    }
}

/* Pixels at a time. Where a mask is 0 or 255 for all of them, as in most of a frame, nothing is blended. */
enum { SPAN = 64 };

static inline int kind_of(const uint8_t *mask, Index count) {
    if (count == SPAN) {
        uint64_t words[SPAN / 8], any = 0, all = ~(uint64_t)0;
        memcpy(words, mask, SPAN);
        for (int k = 0; k < SPAN / 8; k++) any |= words[k], all &= words[k];
        return !any ? IS_ZERO : !~all ? IS_FULL : IS_MIXED;
    }
    for (Index i = 1; i < count; i++)
        if (mask[i] != mask[0]) return IS_MIXED;
    return mask[0] == 0 ? IS_ZERO : mask[0] == 255 ? IS_FULL : IS_MIXED;
}

static inline void blend_span(const uint8_t *restrict source, const uint8_t *restrict dream,
                              const uint8_t *restrict mask, uint8_t *restrict to, Index count) {
    uint8_t share[3 * SPAN];
    for (Index i = 0; i < count; i++) share[3 * i] = share[3 * i + 1] = share[3 * i + 2] = mask[i];
    for (Index i = 0; i < 3 * count; i++) {
        uint16_t sum = (uint16_t)(source[i] * (255 - share[i]) + dream[i] * share[i] + 128);
        to[i] = (uint8_t)((uint16_t)(sum + (sum >> 8)) >> 8); /* divided by 255, rounded */
    }
}

/* `source` where the mask is 0, `dream` where it is 255, blended between. count: number of pixels. */
API EACH_PROCESSOR void blend_pixels(const uint8_t *source, const uint8_t *dream, const uint8_t *mask, uint8_t *to,
                                     Index count) {
    for (Index start = 0; start < count; start += SPAN) {
        Index span = count - start < SPAN ? count - start : SPAN;
        int kind = kind_of(mask + start, span);
        if (kind == IS_MIXED)
            blend_span(source + 3 * start, dream + 3 * start, mask + start, to + 3 * start, span);
        else
            memcpy(to + 3 * start, (kind == IS_ZERO ? source : dream) + 3 * start, 3 * (size_t)span);
    }
}

/* Add the share of `residual` that the mask gives to `pixels`. count: number of pixels. */
API EACH_PROCESSOR void add_masked_pixels(const uint8_t *pixels, const int16_t *residual, const uint8_t *mask,
                                          uint8_t *to, Index count) {
    for (Index start = 0; start < count; start += SPAN) {
        Index span = count - start < SPAN ? count - start : SPAN;
        int kind = kind_of(mask + start, span);
        const uint8_t *source = pixels + 3 * start;
        if (kind == IS_ZERO) {
            memcpy(to + 3 * start, source, 3 * (size_t)span);
            continue;
        }
        uint8_t dream[3 * SPAN];
        const int16_t *change = residual + 3 * start;
        for (Index i = 0; i < 3 * span; i++) {
            int16_t sum = (int16_t)(source[i] + change[i]);
            dream[i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
        if (kind == IS_FULL)
            memcpy(to + 3 * start, dream, 3 * (size_t)span);
        else
            blend_span(source, dream, mask + start, to + 3 * start, span);
    }
}
