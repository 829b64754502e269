/* Shared by all compiled files. */

#include <stdint.h>

#if !defined(__GNUC__)
#error "GCC or Clang is needed"
#endif

#ifdef _WIN32
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

/* As in omp.h, which cross-compilers lack. The OpenMP runtime defines it, or openmp.c. */
#ifdef _OPENMP
int omp_get_max_threads(void);
#endif

typedef int64_t Index;

/* A pass over memory: takes the addresses of its tensors, and integers such as their sizes. */
typedef void Kernel(void *const *tensors, const Index *numbers);
