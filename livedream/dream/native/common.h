/* What the compiled files have in common. */

#include <stdint.h>

#if !defined(__GNUC__)
#error "GCC or Clang is needed"
#endif

#define API __attribute__((visibility("default")))

typedef int64_t Index;

/* A pass over the memory: the places of its tensors, and whole numbers such as their sizes. */
typedef void Kernel(void *const *tensors, const Index *numbers);
