/* Replays a recorded pass through a network; replay.py writes the code and explains why.
 *
 * Convolutions are torch's, called through its C interface for compiled models (shim.h and shim_cpu.h in
 * torch/csrc/inductor/aoti_torch/c/), on the versions of torch that supported.py lists.
 */

#include "common.h"

#include <stddef.h>

typedef void *Tensor; /* torch's AtenTensorHandle */
typedef int32_t Failed;

/* Functions of torch, in the order in which aoti.py looks them up. */
typedef struct {
    Failed (*drop)(Tensor);
    Failed (*place)(Tensor, void **to);
    Failed (*empty)(Index sides, const Index *sizes, const Index *strides, int32_t type, int32_t device, int32_t number,
                    Tensor *to);
    Failed (*convolve)(Tensor x, Tensor weight, Tensor *bias, const Index *padding, Index, const Index *stride, Index,
                       const Index *dilation, Index, Index groups, const char *last, const double **, Index,
                       const char **, Tensor *to);
    Failed (*convolve_onto)(Tensor onto, Tensor x, Tensor weight, Tensor *bias, const Index *padding, Index,
                            const Index *stride, Index, const Index *dilation, Index, Index groups, const char *how,
                            double *factor, const char **last, const double **, Index, const char **, Tensor *to);
} Torch;

/* The code is an array of integers: operations and their operands. Tensors that the pass creates live in numbered
 * slots; the addresses of those that exist before it, such as weights, are part of the code. */
enum { DROP, EMPTY, CONVOLVE, CONVOLVE_ONTO, RUN };
enum { CPU = 0 };
/* The activation after a convolution; the last is ReLU6, which torch calls hardtanh with two bounds. */
static const char *const rectifiers[] = {"none", "relu", "hardtanh"};
enum { RELU6 = 2 };
/* Maximum number of tensors of a kernel; none has more than five today. */
enum { MOST_TENSORS = 8 };

/* Slot of the result, or of the tensor that is added to and overwritten; slot of the input; weight; bias or 0; index
 * into `rectifiers`; padding, stride and dilation, two each; groups. */
typedef struct {
    Index to, x, weight, bias, rectifier, padding[2], stride[2], dilation[2], groups;
} Convolution;

static Failed convolve(const Torch *torch, const Convolution *c, Tensor *slots) {
    Tensor bias = (Tensor)c->bias;
    const double low = 0, high = 6, *bounds[] = {&low, &high};
    return torch->convolve(slots[c->x], (Tensor)c->weight, bias ? &bias : NULL, c->padding, 2, c->stride, 2,
                           c->dilation, 2, c->groups, rectifiers[c->rectifier], bounds, c->rectifier == RELU6 ? 2 : 0,
                           NULL, &slots[c->to]);
}

static Failed convolve_onto(const Torch *torch, const Convolution *c, Tensor *slots) {
    Tensor bias = (Tensor)c->bias, same = NULL;
    const char *relu = "relu";
    double whole = 1;
    Failed failed = torch->convolve_onto(slots[c->to], slots[c->x], (Tensor)c->weight, bias ? &bias : NULL, c->padding,
                                         2, c->stride, 2, c->dilation, 2, c->groups, "add", &whole,
                                         c->rectifier ? &relu : NULL, NULL, 0, NULL, &same);
    return failed ? failed : torch->drop(same);
}

/* Operands: a kernel; the number of its tensors; for each its slot and 0, or -1 and its address; its integers. */
static Failed run(const Torch *torch, const Index *code, Tensor *slots) {
    Index count = code[1];
    const Index *tensors = code + 2;
    void *places[MOST_TENSORS];
    for (Index i = 0; i < count; i++) {
        Index slot = tensors[2 * i];
        places[i] = (void *)tensors[2 * i + 1];
        Failed failed = slot < 0 ? 0 : torch->place(slots[slot], &places[i]);
        if (failed) return failed;
    }
    ((Kernel *)code[0])(places, tensors + 2 * count);
    return 0;
}

static Failed drop(const Torch *torch, Tensor *slot) {
    Tensor tensor = *slot;
    *slot = NULL;
    return tensor ? torch->drop(tensor) : 0;
}

/* Run the code. Each instruction begins with the operation and the number of its operands. Returns 0, or torch's error.
 */
API Failed replay(const Torch *torch, const Index *code, Index length, Tensor *slots) {
    Failed failed = 0;
    for (const Index *end = code + length; code < end && !failed; code += 2 + code[1]) {
        const Index *with = code + 2;
        switch (code[0]) {
        case DROP: failed = drop(torch, &slots[with[0]]); break;
        case EMPTY: /* slot, type, sizes, strides */
            failed = torch->empty(4, with + 2, with + 6, (int32_t)with[1], CPU, 0, &slots[with[0]]);
            break;
        case CONVOLVE: failed = convolve(torch, (const Convolution *)with, slots); break;
        case CONVOLVE_ONTO: failed = convolve_onto(torch, (const Convolution *)with, slots); break;
        default: failed = run(torch, with, slots);
        }
    }
    return failed;
}
