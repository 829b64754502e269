/* What the compiled files have in common. */

#include <stdint.h>

#if !defined(__GNUC__)
#error "GCC or Clang is needed"
#endif

#ifdef _WIN32
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

/* As in omp.h, which cross-compilers do not bring: the runtime's, or that of openmp.c. */
#ifdef _OPENMP
int omp_get_max_threads(void);
#endif

typedef int64_t Index;

/* A pass over the memory: the places of its tensors, and whole numbers such as their sizes. */
typedef void Kernel(void *const *tensors, const Index *numbers);
