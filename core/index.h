/* The ends of all accounts, nearest first, as handlers/ranges.py has them: one heap a slot, in which an end that was
   replaced stays until it comes to the top or there are more of them than of others. */
#ifndef DELEVERAGE_INDEX_H
#define DELEVERAGE_INDEX_H

#include "ranges.h"

typedef struct RangeIndex RangeIndex;

extern PyTypeObject RangeIndexType;

/* Replaces an account's ends; none disarms it. 0 if there is no such slot or no memory, and an exception says so. */
int arm_ends(RangeIndex *index, long account, const End *ends, int count);

/* The ends of an account that may be moved: how many, 0 if it has been doubted since it was armed, or is not armed. */
int sure_ends(const RangeIndex *index, long account, End ends[ENDS_MOST]);

/* Whether an account's range ends on a slot, and where. */
int end_on(const RangeIndex *index, long account, int slot, wide *end);

/* Lets no end of an account be moved before it is armed again. */
void doubt_ends(RangeIndex *index, long account);

PyObject *core_pass_reduced(PyObject *index, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_pass_over(PyObject *index, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_arm_between(PyObject *index, PyObject *const *arguments, Py_ssize_t count);

#endif
