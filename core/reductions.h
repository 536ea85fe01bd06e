#ifndef DELEVERAGE_REDUCTIONS_H
#define DELEVERAGE_REDUCTIONS_H

#include "margin.h"

/* What is read of a PositionDeleveraged. */
enum { REDUCED, AGAINST, AGAINST_LEG, INSTRUMENT, LEG, TRADED_LOTS, VALUE_ATOMS, OF_LIQUIDATION };
extern Shape reduction_shape;

/* The net position in an instrument, borrowed; NULL where there is none, or it cannot be read, which sets `*fits` to 0. */
PyObject *position_on(PyObject *positions, wide instrument, int *fits);

#endif
