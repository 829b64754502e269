/* The functions of depthwise.c for one processor, PROCESSOR. */

#include "lanes.h"

#define TYPE uint16_t
#define KIND bfloat16
#include "depthwise_typed.h"
#undef TYPE
#undef KIND

#define TYPE float
#define KIND float32
#include "depthwise_typed.h"
#undef TYPE
#undef KIND
