/* What kernels.c does with numbers of either kind. It includes this file for each, with TYPE, the numbers' type, ORDER,
 * that of whole numbers as wide, and FOR(name), the name of a function for this kind of numbers.
 */

/* Remember `here` for the channels in which `pixel` is larger than the best before. */
static inline void FOR(compare)(const TYPE *pixel, ORDER here, ORDER *best, ORDER *at, Index count) {
    for (Index c = 0; c < count; c++) {
        ORDER value = FOR(order)(pixel[c]);
        at[c] = value > best[c] ? here : at[c];
        best[c] = value > best[c] ? value : best[c];
    }
}

/* One row of pooled pixels, and at which place of its window, counted in rows, each maximum lies. */
EACH_PROCESSOR static void FOR(pool_row)(const TYPE *restrict from, TYPE *restrict to, uint8_t *restrict place,
                                         const Pooling *p, Index row, int rectified) {
    Index first = row * p->down - p->top;
    for (Index column = 0; column < p->to_columns; column++) {
        Index start = column * p->across - p->left;
        for (Index channel = 0; channel < p->channels; channel += CHUNK) {
            Index count = p->channels - channel < CHUNK ? p->channels - channel : CHUNK;
            ORDER best[CHUNK], at[CHUNK];
            int seen = 0;
            for (Index y = 0; y < p->high; y++) {
                if (first + y < 0 || first + y >= p->rows) continue;
                for (Index x = 0; x < p->wide; x++) {
                    if (start + x < 0 || start + x >= p->columns) continue;
                    const TYPE *pixel = from + ((first + y) * p->columns + start + x) * p->channels + channel;
                    ORDER here = (ORDER)(y * p->wide + x);
                    if (!seen) {
                        for (Index c = 0; c < count; c++) best[c] = FOR(order)(pixel[c]), at[c] = here;
                    } else if (count == CHUNK) { /* known when this is compiled: twice as fast */
                        FOR(compare)(pixel, here, best, at, CHUNK);
                    } else {
                        FOR(compare)(pixel, here, best, at, count);
                    }
                    seen = 1;
                }
            }
            for (Index c = 0; c < count; c++) {
                to[column * p->channels + channel + c] = FOR(unorder)(best[c]);
                place[column * p->channels + channel + c] = (uint8_t)(rectified && best[c] <= 0 ? NOWHERE : at[c]);
            }
        }
    }
}

API void FOR(max_pool)(const TYPE *from, TYPE *to, uint8_t *place, const Pooling *p, int rectified) {
    Index width = p->to_columns * p->channels, rows = p->number * p->to_rows;
#pragma omp parallel for schedule(static) if (rows * width > WORTH_A_THREAD)
    for (Index row = 0; row < rows; row++)
        FOR(pool_row)(from + row / p->to_rows * p->rows * p->columns * p->channels, to + row * width,
                      place + row * width, p, row % p->to_rows, rectified);
}

/* One row of the gradient before a pooling: each pixel collects from the windows in which it was the maximum. */
EACH_PROCESSOR static void FOR(unpool_row)(const TYPE *restrict gradient, const uint8_t *restrict place,
                                           TYPE *restrict to, const Pooling *p, Index row) {
    Index above = row + p->top - p->high + 1, last_row = (row + p->top) / p->down;
    Index first_row = above <= 0 ? 0 : (above + p->down - 1) / p->down;
    if (last_row >= p->to_rows) last_row = p->to_rows - 1;
    for (Index column = 0; column < p->columns; column++) {
        Index before = column + p->left - p->wide + 1, last = (column + p->left) / p->across;
        Index first = before <= 0 ? 0 : (before + p->across - 1) / p->across;
        if (last >= p->to_columns) last = p->to_columns - 1;
        /* The windows that hold this pixel: where their row of channels begins, and which place it has there. */
        Index at[MOST];
        uint8_t here[MOST];
        int windows = 0;
        for (Index r = first_row; r <= last_row; r++)
            for (Index k = first; k <= last; k++, windows++) {
                at[windows] = (r * p->to_columns + k) * p->channels;
                here[windows] = (uint8_t)((row + p->top - r * p->down) * p->wide + column + p->left - k * p->across);
            }
        TYPE *pixel = to + column * p->channels;
        /* The gradient of a window, and 0 where another pixel was its maximum. */
        if (windows == 1) {
            WINDOW(0)
            for (Index c = 0; c < p->channels; c++) pixel[c] = GIVEN(0);
        } else if (windows == 2) {
            WINDOW(0)
            WINDOW(1) for (Index c = 0; c < p->channels; c++) pixel[c] =
                FOR(to)(FOR(from)(GIVEN(0)) + FOR(from)(GIVEN(1)));
        } else if (windows == 4) {
            WINDOW(0)
            WINDOW(1) WINDOW(2) WINDOW(3) for (Index c = 0; c < p->channels; c++) pixel[c] =
                FOR(to)((FOR(from)(GIVEN(0)) + FOR(from)(GIVEN(1))) + (FOR(from)(GIVEN(2)) + FOR(from)(GIVEN(3))));
        } else {
            for (Index c = 0; c < p->channels; c++) {
                float sum = 0;
                for (int w = 0; w < windows; w++)
                    sum += FOR(from)(place[at[w] + c] == here[w] ? gradient[at[w] + c] : 0);
                pixel[c] = FOR(to)(sum);
            }
        }
    }
}

/* Of all rows of all pictures, one after the other, those from `first` to before `end`. */
API void FOR(max_unpool)(const TYPE *gradient, const uint8_t *place, TYPE *to, const Pooling *p, Index first,
                         Index end) {
    Index width = p->columns * p->channels, pooled = p->to_rows * p->to_columns * p->channels;
#pragma omp parallel for schedule(static) if ((end - first) * width > WORTH_A_THREAD)
    for (Index row = first; row < end; row++)
        FOR(unpool_row)(gradient + row / p->rows * pooled, place + row / p->rows * pooled, to + (row - first) * width,
                        p, row % p->rows);
}

EACH_PROCESSOR static void FOR(unrectify_part)(TYPE *restrict gradient, const TYPE *restrict output, Index count) {
    for (Index i = 0; i < count; i++) gradient[i] = FOR(order)(output[i]) > 0 ? gradient[i] : 0;
}

API void FOR(unrectify)(TYPE *gradient, const TYPE *output, Index count) {
    Index parts = count / WORTH_A_THREAD + 1, size = count / parts + 1;
#pragma omp parallel for schedule(static) if (parts > 1)
    for (Index part = 0; part < parts; part++) {
        Index start = part * size, end = start + size < count ? start + size : count;
        if (start < end) FOR(unrectify_part)(gradient + start, output + start, end - start);
    }
}

EACH_PROCESSOR static void FOR(normalise_row)(const float *restrict from, TYPE *restrict to, const float *restrict mean,
                                              const float *restrict std, Index count) {
    for (Index i = 0; i < count; i++) to[i] = FOR(to)((from[i] - mean[i]) / std[i]);
}

/* mean, std: of a whole row, channel by channel as its pixels lie. */
API void FOR(normalise)(const float *from, TYPE *to, const float *mean, const float *std, Index rows, Index width) {
#pragma omp parallel for schedule(static) if (rows * width > WORTH_A_THREAD)
    for (Index row = 0; row < rows; row++) FOR(normalise_row)(from + row * width, to + row * width, mean, std, width);
}

/* Lay blocks side by side: one row of a picture, `count` numbers, from one row of the pixels that the blocks are. */
EACH_PROCESSOR static void FOR(unblock_row)(const TYPE *restrict from, float *restrict to, Index pixels, Index stride,
                                            Index room, Index width, Index left, Index count) {
    for (Index pixel = 0; pixel < pixels; pixel++) {
        Index start = pixel * width - left;
        const TYPE *block = from + pixel * stride;
        if (start >= 0 && width <= 8 && start + 8 <= count && room >= 8) {
            /* A whole vector; the next block overwrites what is too much. */
            for (Index i = 0; i < 8; i++) to[start + i] = FOR(from)(block[i]);
        } else {
            for (Index i = start < 0 ? -start : 0; i < width && start + i < count; i++)
                to[start + i] = FOR(from)(block[i]);
        }
    }
    Index end = pixels * width - left;
    for (Index i = end < 0 ? 0 : end; i < count; i++) to[i] = 0; /* no window reached so far: no gradient */
}

API void FOR(unblock)(const TYPE *from, float *to, Index number, Index from_rows, Index from_columns, Index stride,
                      Index rows, Index columns, Index channels, Index down, Index across, Index top, Index left) {
#pragma omp parallel for schedule(static) if (number * rows * columns * channels > WORTH_A_THREAD)
    for (Index row = 0; row < number * rows; row++) {
        Index picture = row / rows, y = row % rows + top, width = across * channels;
        const TYPE *source = from + (picture * from_rows + y / down) * from_columns * stride + y % down * width;
        FOR(unblock_row)(source, to + row * columns * channels, y / down < from_rows ? from_columns : 0, stride,
                         stride - y % down * width, width, left * channels, columns * channels);
    }
}
