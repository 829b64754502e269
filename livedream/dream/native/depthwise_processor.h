/* The functions of depthwise.c for one processor, PROCESSOR. */

#include "lanes.h"

#define TYPE uint16_t
#define KIND bfloat16
#define LOAD LOAD_bfloat16
#define STORE STORE_bfloat16
#include "depthwise_typed.h"
#undef TYPE
#undef KIND
#undef LOAD
#undef STORE

#define TYPE float
#define KIND float32
#define LOAD LOAD_float32
#define STORE STORE_float32
#include "depthwise_typed.h"
#undef TYPE
#undef KIND
#undef LOAD
#undef STORE
