/* Opens a compiled library as loader.py does, calls its kernels and prints a checksum of what each writes:
 *
 *     call_kernels LIBRARY [THREADS | RUNTIME]
 *
 * scripts/build_wheels compiles this for each platform that it can run here, and compares the lines: the same kernels
 * for the same level of instructions must give the same bytes on each system. With THREADS, the loops run on a stand-in
 * for torch's OpenMP runtime, a team whose members work one after the other; with RUNTIME, a library such as libomp or
 * libgomp, on that one's threads. Without, on the calling thread.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
static void *open_library(const char *path) { return (void *)LoadLibraryA(path); }
static void *find(void *library, const char *name) { return (void *)GetProcAddress((HMODULE)library, name); }
#else
#include <dlfcn.h>
static void *open_library(const char *path) { return dlopen(path, RTLD_NOW); }
static void *find(void *library, const char *name) { return dlsym(library, name); }
#endif

typedef int64_t Index;
typedef void Kernel(void *const *tensors, const Index *numbers);

/* The stand-in: a table as in openmp.c. */
static int number, count;
static int thread_number(void) { return number; }
static int thread_count(void) { return count; }
static int max_threads(void) { return count; }
static void fork_gnu(void (*function)(void *), void *data, unsigned threads, unsigned flags) {
    (void)threads, (void)flags;
    for (number = 0; number < count; number++) function(data);
    number = 0;
}
static void *const stand_in[] = {NULL, (void *)fork_gnu, (void *)thread_number, (void *)thread_count,
                                 (void *)max_threads};

/* The names of the same functions in a runtime. */
enum { FUNCTIONS = 5 };
static const char *const names[FUNCTIONS] = {"__kmpc_fork_call", "GOMP_parallel", "omp_get_thread_num",
                                             "omp_get_num_threads", "omp_get_max_threads"};

static void *library;

static void *function(const char *name) {
    void *found = find(library, name);
    if (found) return found;
    fprintf(stderr, "no function %s\n", name);
    exit(1);
}

/* xorshift64: the same numbers everywhere. */
static uint64_t state;
static uint32_t draw(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 32);
}

enum { ROOM = 1 << 22, BUFFERS = 8 };
static void *buffers[BUFFERS];

/* Numbers from -8 to 8 in the first `inputs` buffers, zeros in the others. */
static void fill(int inputs, int is_float) {
    state = 88172645463325252u;
    for (int i = 0; i < BUFFERS; i++) {
        memset(buffers[i], 0, ROOM);
        if (i >= inputs) continue;
        for (size_t k = 0; k < ROOM / sizeof(float); k++) {
            float value = (float)(int32_t)draw() / (1 << 28);
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            if (is_float)
                ((float *)buffers[i])[k] = value;
            else
                ((uint16_t *)buffers[i])[k] = (uint16_t)(bits >> 16);
        }
    }
}

/* FNV-1a of what all buffers hold now. */
static void print_checksum(const char *name) {
    uint64_t sum = 14695981039346656037u;
    for (int i = 0; i < BUFFERS; i++)
        for (size_t k = 0; k < ROOM; k += 8) {
            uint64_t word;
            memcpy(&word, (char *)buffers[i] + k, sizeof word);
            sum = (sum ^ word) * 1099511628211u;
        }
    printf("%s %08x%08x\n", name, (unsigned)(sum >> 32), (unsigned)sum);
}

static void run(const char *name, const char *type, int inputs, const Index *numbers) {
    char full[64];
    snprintf(full, sizeof full, "%s_%s", name, type);
    fill(inputs, strcmp(type, "float32") == 0);
    ((Kernel *)function(full))(buffers, numbers);
    print_checksum(full);
}

#define N(...) ((const Index[]){__VA_ARGS__})

static void run_typed(const char *type) {
    run("rectify", type, 2, N(200003));
    run("accumulate", type, 2, N(200003));
    run("unclip", type, 2, N(200003));
    run("unrectify", type, 2, N(200003));
    run("sum", type, 2, N(200003));
    run("max_pool", type, 1, N(1, 60, 71, 70, 30, 35, 3, 3, 2, 2, 1, 1, 1));
    run("border", type, 1, N(2, 50, 300, 1, 2, 9, 18));
    run("copy_channels", type, 1, N(9000, 24, 3, 40, 9, 20));
    run("interleave", type, 1, N(1, 40, 44, 78, 85, 16, 2, 2, 2, 2, 1, 1));
}

static void run_depthwise(const char *type) {
    for (Index size = 3; size <= 5; size += 2)
        for (Index stride = 1; stride <= 2; stride++) {
            Index rows = 45, columns = 37, to_rows = (rows - 1) / stride + 1, to_columns = (columns - 1) / stride + 1;
            const Index *n = N(1, rows, columns, 144, to_rows, to_columns, size, stride, size / 2, size / 2, 1, 2);
            char full[64];
            for (int back = 0; back < 2; back++) {
                snprintf(full, sizeof full, "depthwise_%s%s", back ? "back_" : "", type);
                int is_float = strcmp(type, "float32") == 0;
                fill(back ? 2 : 3, is_float);
                /* The weights and the bias are float32 in either case, and the masks may be any bits. */
                for (int i = 1; i < (back ? 2 : 3); i++)
                    for (size_t k = 0; k < 4096; k++) ((float *)buffers[i])[k] = (float)(int32_t)draw() / (1 << 30);
                if (back)
                    for (int i = 3; i < 5; i++)
                        for (size_t k = 0; k < 65536; k++) ((uint32_t *)buffers[i])[k] = draw();
                ((Kernel *)function(full))(buffers, n);
                print_checksum(full);
            }
        }
}

static void run_others(void) {
    fill(2, 1);
    ((void (*)(void *, void *, void *, float, Index))function("add_scaled"))(buffers[0], buffers[1], buffers[2], 0.7f,
                                                                             200003);
    print_checksum("add_scaled");
    fill(1, 1);
    double mean = ((double (*)(void *, Index))function("absolute_mean"))(buffers[0], 200003);
    memcpy(buffers[1], &mean, sizeof mean);
    print_checksum("absolute_mean");
    fill(1, 1);
    ((void (*)(void *, void *, Index, Index, Index, Index, Index, Index))function("roll"))(buffers[0], buffers[1], 2,
                                                                                           90, 160, 3, 7, 11);
    print_checksum("roll");
    fill(1, 1);
    const struct {
        Index rows, columns, levels;
        float colors[9], factors[8];
    } precondition = {180, 317, 4, {0.5f, 0.2f, 0.1f, 0.3f, -0.4f, 0.2f, 0.1f, 0.6f, 0.7f}, {1, 2, 3, 4}};
    mean = ((double (*)(void *, void *, void *, void *, const void *))function("precondition"))(
        buffers[0], buffers[1], buffers[2], buffers[3], &precondition);
    memcpy(buffers[4], &mean, sizeof mean);
    print_checksum("precondition");
    fill(5, 1);
    const struct {
        Index rows, columns;
        float keep, leak;
    } warp = {150, 211, 0.9f, 0.1f};
    double *sums = calloc(3 * 150, sizeof *sums);
    if (!sums) exit(1);
    ((void (*)(void *, void *, void *, void *, void *, void *, void *, double *, const void *))function(
        "warp_and_add"))(buffers[0], buffers[1], buffers[2], buffers[3], buffers[4], buffers[5], buffers[6], sums,
                         &warp);
    free(sums);
    print_checksum("warp_and_add");
    fill(4, 1);
    ((void (*)(void *, void *, void *, void *, void *, void *, void *, float, float, Index))function("split_residual"))(
        buffers[0], buffers[1], buffers[2], buffers[3], buffers[4], buffers[5], buffers[6], 0.5f, 10, 200003);
    print_checksum("split_residual");
}

int main(int argc, char **argv) {
    library = argc > 1 ? open_library(argv[1]) : NULL;
    if (!library) {
        fprintf(stderr, "cannot open the library\n");
        return 1;
    }
    if (argc > 2) {
        void *openmp = NULL, *functions[FUNCTIONS];
        count = atoi(argv[2]);
        if (!count && !(openmp = open_library(argv[2]))) return 1;
        for (int i = 0; i < FUNCTIONS; i++) functions[i] = openmp ? find(openmp, names[i]) : stand_in[i];
        ((Index (*)(const void *))function("use_openmp"))(functions);
    }
    for (int i = 0; i < BUFFERS; i++)
        if (!(buffers[i] = malloc(ROOM))) return 1;
    run_typed("float32");
    run_typed("bfloat16");
    run_depthwise("float32");
    run_depthwise("bfloat16");
    run_others();
    return 0;
}
