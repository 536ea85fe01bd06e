/* The fields of Python objects with slots, read where they lie. Where each lies is learnt from the class's own member
   descriptors; of an object whose class has none for a field, nothing is read. */
#ifndef DELEVERAGE_FIELDS_H
#define DELEVERAGE_FIELDS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define FIELDS_MOST 8

typedef struct {
    const char *names[FIELDS_MOST + 1];
    PyTypeObject *type;
    Py_ssize_t offsets[FIELDS_MOST];
} Shape;

/* Whether the object's fields can be read: from then on `field_of` gives them. Leaves no exception behind. */
int has_shape(Shape *shape, PyObject *object);

/* A borrowed reference, NULL where the field is not set. */
static inline PyObject *field_of(const Shape *shape, PyObject *object, int place) {
    return *(PyObject **)((char *)object + shape->offsets[place]);
}

#endif
