#include "fields.h"

#include <structmember.h>

static int learn(Shape *shape, PyTypeObject *type) {
    Py_ssize_t offsets[FIELDS_MOST];
    for (int place = 0; shape->names[place]; place++) {
        PyObject *member = PyObject_GetAttrString((PyObject *)type, shape->names[place]);
        int known = member && Py_IS_TYPE(member, &PyMemberDescr_Type);
        if (known) {
            const PyMemberDef *found = ((PyMemberDescrObject *)member)->d_member;
            known = found->type == T_OBJECT_EX;
            offsets[place] = found->offset;
        }
        Py_XDECREF(member);
        if (!known) {
            PyErr_Clear();
            return 0;
        }
    }
    memcpy(shape->offsets, offsets, sizeof offsets);
    Py_INCREF(type);
    Py_XSETREF(shape->type, type);
    return 1;
}

int has_shape(Shape *shape, PyObject *object) {
    return Py_TYPE(object) == shape->type || learn(shape, Py_TYPE(object));
}
