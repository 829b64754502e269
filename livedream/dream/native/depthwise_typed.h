/* The functions of depthwise.c for one data type, TYPE, whose name is KIND, on one processor. IN(name) is the name of a
 * function for both. */

#define IN(name) JOINED(name, KIND, PROCESSOR)
#define LOAD(from) OF_KIND(LOAD, KIND)(from)
#define STORE(to, value) OF_KIND(STORE, KIND)(to, value)

/* Load `wide` pixels of a row into the ring, beginning at column `first`, with zeros outside the image. mask: NULL, or
 * the mask of this row, which records for its first `own` pixels which numbers lie within `bounds`. */
INLINE void IN(fill)(const TYPE *row, uint8_t *mask, Bounds bounds, Pixel *restrict to, Index first, Index wide,
                     Index own, Index columns, Index channels, Index count) {
    Lanes low = SPREAD(bounds.low), high = SPREAD(bounds.high);
    for (Index j = 0; j < wide; j++) {
        Index column = first + j;
        if (!row || column < 0 || column >= columns) {
            memset(to[j], 0, (size_t)count * sizeof(float));
            continue;
        }
        const TYPE *from = row + column * channels;
        float *pixel = to[j];
        if (mask && j < own) {
            uint8_t *bits = mask + column * channels / 8;
            EACH_CHANNEL(c, count) {
                Lanes value = LOAD(from + c);
                STORE_MASK(bits, c, INSIDE(value, low, high));
                STORE_float32(pixel + c, value);
            }
        } else {
            EACH_CHANNEL(c, count) STORE_float32(pixel + c, LOAD(from + c));
        }
    }
}

/* The same for the backward pass: numbers outside the mask become zero. */
INLINE void IN(fill_back)(const TYPE *row, const uint8_t *mask, Pixel *restrict to, Index first, Index wide,
                          Index columns, Index channels, Index count) {
    for (Index j = 0; j < wide; j++) {
        Index column = first + j;
        if (!row || column < 0 || column >= columns) {
            memset(to[j], 0, (size_t)count * sizeof(float));
            continue;
        }
        const TYPE *from = row + column * channels;
        float *pixel = to[j];
        if (mask) {
            const uint8_t *bits = mask + column * channels / 8;
            EACH_CHANNEL(c, count) STORE_float32(pixel + c, MASKED(LOAD(from + c), LOAD_MASK(bits, c)));
        } else {
            EACH_CHANNEL(c, count) STORE_float32(pixel + c, LOAD(from + c));
        }
    }
}

/* Copy the weights of some channels, tap by tap. */
INLINE void IN(take_taps)(const float *weight, Pixel *restrict taps, Index channels, Index count, int size) {
    for (int i = 0; i < size * size; i++) memcpy(taps[i], weight + i * channels, (size_t)count * sizeof(float));
}

/* Compute rows `first` to `last` of the output for one image. */
INLINE void IN(forward)(const TYPE *from, const float *weight, const float *bias, TYPE *to, uint8_t *before,
                        uint8_t *behind, const Depthwise *d, Index first, Index last, const int size,
                        const int stride) {
    ALIGNED Pixel ring[LARGEST][(TILE - 1) * STRIDES + LARGEST], taps[LARGEST * LARGEST];
    Lanes low = SPREAD(rectifiers[d->behind].low), high = SPREAD(rectifiers[d->behind].high);
    const Index channels = d->channels, wide = (TILE - 1) * stride + size;
    for (Index start = 0, end; start < channels; start = end) {
        end = end_of_block(start, channels);
        Index begin = end - start < LEAST ? end - LEAST : start, count = end - begin;
        IN(take_taps)(weight + begin, taps, channels, count, size);
        for (Index column = 0; column < d->to_columns; column += TILE) {
            const int tile = d->to_columns - column < TILE ? (int)(d->to_columns - column) : TILE;
            Index filled = first * stride - d->top;
            for (Index row = first; row < last; row++) {
                Index above = row * stride - d->top;
                for (; filled < above + size; filled++) {
                    Index line = filled * d->columns * channels + begin;
                    /* Rows and columns that the next band or tile reads too belong to that one. */
                    int own = before && (filled < last * stride - d->top || last == d->to_rows);
                    IN(fill)(filled < 0 || filled >= d->rows ? NULL : from + line, own ? before + line / 8 : NULL,
                             rectifiers[d->before], ring[(filled + size) % size], column * stride - d->left, wide,
                             column + TILE < d->to_columns ? TILE * stride : wide, d->columns, channels, count);
                }
                const Pixel *lines[LARGEST];
                for (int y = 0; y < size; y++) lines[y] = ring[(above + y + size) % size];
                Index place = (row * d->to_columns + column) * channels + begin;
                TYPE *target = to + place;
                uint8_t *mask = behind ? behind + place / 8 : NULL;
                EACH_CHANNEL(c, count) {
                    Lanes sum[TILE], offset = LOAD_float32(bias + begin + c);
                    UNROLLED for (int t = 0; t < TILE; t++) sum[t] = offset;
                    ROLLED for (int y = 0; y < size; y++) {
                        const float *line = lines[y][0] + c, *tap = taps[y * size] + c;
                        UNROLLED for (int x = 0; x < size; x++) {
                            Lanes factor = LOAD_float32(tap + x * BLOCK);
                            UNROLLED for (int t = 0; t < TILE; t++) sum[t] =
                                MULTIPLY_ADD(factor, LOAD_float32(line + (t * stride + x) * BLOCK), sum[t]);
                        }
                    }
                    UNROLLED for (int t = 0; t < TILE; t++) if (t < tile) {
                        if (mask) STORE_MASK(mask + t * channels / 8, c, INSIDE(sum[t], low, high));
                        STORE(target + t * channels + c, CLIP(sum[t], low, high));
                    }
                }
            }
        }
    }
}

/* Compute the gradient of the input, for the groups of `stride` rows from `first` to `last`. */
INLINE void IN(backward)(const TYPE *gradient, const float *weight, TYPE *to, const uint8_t *before,
                         const uint8_t *behind, const Depthwise *d, Index first, Index last, const int size,
                         const int stride) {
    ALIGNED Pixel ring[LARGEST][TILE + LARGEST - 1], taps[LARGEST * LARGEST];
    const int reach = (size - 1) / stride, kept = reach + 1;
    const Index channels = d->channels, groups = (d->columns - 1 + d->left) / stride + 1;
    for (Index start = 0, end; start < channels; start = end) {
        end = end_of_block(start, channels);
        Index begin = end - start < LEAST ? end - LEAST : start, count = end - begin;
        IN(take_taps)(weight + begin, taps, channels, count, size);
        for (Index column = 0; column < groups; column += TILE) {
            Index filled = first - reach;
            for (Index row = first; row < last; row++) {
                for (; filled <= row; filled++) {
                    Index line = filled * d->to_columns * channels + begin;
                    int inside = filled >= 0 && filled < d->to_rows;
                    IN(fill_back)(inside ? gradient + line : NULL, behind ? behind + line / 8 : NULL,
                                  ring[(filled + kept) % kept], column - reach, TILE + reach, d->to_columns, channels,
                                  count);
                }
                UNROLLED for (int down = 0; down < stride; down++) {
                    Index y = row * stride + down - d->top;
                    if (y < 0 || y >= d->rows) continue;
                    const Pixel *lines[LARGEST];
                    for (int i = 0; i < kept; i++) lines[i] = ring[(row - i + kept) % kept] + reach;
                    UNROLLED for (int across = 0; across < stride; across++) {
                        Index x = column * stride + across - d->left;
                        int whole = x >= 0 && x + (TILE - 1) * stride < d->columns;
                        Index place = (y * d->columns + x) * channels + begin;
                        TYPE *target = to + place;
                        const uint8_t *mask = before ? before + place / 8 : NULL;
                        EACH_CHANNEL(c, count) {
                            Lanes sum[TILE];
                            UNROLLED for (int t = 0; t < TILE; t++) sum[t] = SPREAD(0);
                            ROLLED for (int i = 0; i * stride + down < size; i++) {
                                const float *line = lines[i][0] + c, *tap = taps[(i * stride + down) * size] + c;
                                UNROLLED for (int j = 0; j * stride + across < size; j++) {
                                    Lanes factor = LOAD_float32(tap + (j * stride + across) * BLOCK);
                                    UNROLLED for (int t = 0; t < TILE; t++) sum[t] =
                                        MULTIPLY_ADD(factor, LOAD_float32(line + (t - j) * BLOCK), sum[t]);
                                }
                            }
                            UNROLLED for (int t = 0; t < TILE; t++) {
                                Index at = t * stride * channels;
                                if (!whole && (x + t * stride < 0 || x + t * stride >= d->columns)) continue;
                                if (mask) sum[t] = MASKED(sum[t], LOAD_MASK(mask + at / 8, c));
                                STORE(target + at + c, sum[t]);
                            }
                        }
                    }
                }
            }
        }
    }
}

#define FORWARD(size, stride)                                                                                          \
    static void IN(forward_##size##_##stride)(const TYPE *from, const float *weight, const float *bias, TYPE *to,      \
                                              uint8_t *before, uint8_t *behind, const Depthwise *d, Index first,       \
                                              Index last) {                                                            \
        IN(forward)(from, weight, bias, to, before, behind, d, first, last, size, stride);                             \
    }
#define BACKWARD(size, stride)                                                                                         \
    static void IN(backward_##size##_##stride)(const TYPE *gradient, const float *weight, TYPE *to,                    \
                                               const uint8_t *before, const uint8_t *behind, const Depthwise *d,       \
                                               Index first, Index last) {                                              \
        IN(backward)(gradient, weight, to, before, behind, d, first, last, size, stride);                              \
    }
FORWARD(3, 1)
FORWARD(3, 2)
FORWARD(5, 1)
FORWARD(5, 2)
BACKWARD(3, 1)
BACKWARD(3, 2)
BACKWARD(5, 1)
BACKWARD(5, 2)
#undef FORWARD
#undef BACKWARD

#undef IN
#undef LOAD
#undef STORE
