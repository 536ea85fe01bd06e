#include "index.h"

#include <structmember.h>

#define SHIFT 32
#define END_MOST ((wide)1 << 94)
#define ACCOUNTS_MOST INT32_MAX
#define SPARE 64

enum { FLOOR, CEILING };
enum { MARK, FUNDING = 2 };

/* An end with its account, so that less is nearer: the end of a floor is turned round. */
typedef wide Key;

typedef struct {
    Py_ssize_t count, room, live;
    int stirred;
    Key *keys;
} Heap;

typedef struct {
    int count, doubted;
    End at[];
} Armed;

/* Slots of instruments are counted from 0 on; those of assets, which are below it, from -1 down. */
typedef struct {
    Py_ssize_t count, room;
    Heap *heaps;
} Side;

struct RangeIndex {
    PyObject_HEAD
    Side up, down;
    Armed **armed;
    Py_ssize_t room, accounts;
    Py_ssize_t instruments, assets;
    PyObject *floor_ticks, *ceiling_ticks, *never_below, *never_above;
    Py_ssize_t stirred, stirred_room;
    int *stirred_slots;
};

static int make_room(void **items, Py_ssize_t *room, Py_ssize_t needed, size_t size) {
    if (needed <= *room)
        return 1;
    Py_ssize_t wanted = needed + needed / 2 + 8;
    void *grown = PyMem_Realloc(*items, wanted * size);
    if (!grown) {
        PyErr_NoMemory();
        return 0;
    }
    memset((char *)grown + *room * size, 0, (wanted - *room) * size);
    *items = grown;
    *room = wanted;
    return 1;
}

static Heap *heap_of(RangeIndex *index, int slot) {
    Side *side = slot < 0 ? &index->down : &index->up;
    Py_ssize_t place = slot < 0 ? -1 - (Py_ssize_t)slot : slot;
    return place < side->count ? &side->heaps[place] : NULL;
}

static Key key_of(int slot, wide end, long account) {
    return (slot & 1 ? end : -end) * ((wide)1 << SHIFT) + account;
}

static long account_in(Key key) {
    return (long)((uint64_t)key & 0xffffffffu);
}

static wide end_in(int slot, Key key) {
    wide end = key >> SHIFT;
    return slot & 1 ? end : -end;
}

static int place_in(const Armed *armed, int slot) {
    for (int i = 0; armed && i < armed->count; i++)
        if (armed->at[i].slot == slot)
            return i;
    return -1;
}

static const Armed *armed_of(const RangeIndex *index, long account) {
    return account >= 0 && account < index->room ? index->armed[account] : NULL;
}

static int holds(const RangeIndex *index, int slot, Key key) {
    const Armed *armed = armed_of(index, account_in(key));
    int place = place_in(armed, slot);
    return place >= 0 && armed->at[place].end == end_in(slot, key);
}

static void sink_key(Heap *heap, Py_ssize_t at) {
    Key key = heap->keys[at];
    for (Py_ssize_t below = 2 * at + 1; below < heap->count; at = below, below = 2 * at + 1) {
        if (below + 1 < heap->count && heap->keys[below + 1] < heap->keys[below])
            below++;
        if (heap->keys[below] >= key)
            break;
        heap->keys[at] = heap->keys[below];
    }
    heap->keys[at] = key;
}

static int push(Heap *heap, Key key) {
    if (!make_room((void **)&heap->keys, &heap->room, heap->count + 1, sizeof *heap->keys))
        return 0;
    Py_ssize_t at = heap->count++;
    for (; at && heap->keys[(at - 1) / 2] > key; at = (at - 1) / 2)
        heap->keys[at] = heap->keys[(at - 1) / 2];
    heap->keys[at] = key;
    return 1;
}

/* Leaves out what was replaced, once it is more than what counts. */
static void sift(RangeIndex *index, int slot, Heap *heap) {
    if (heap->count <= 2 * heap->live + SPARE)
        return;
    Py_ssize_t kept = 0;
    for (Py_ssize_t i = 0; i < heap->count; i++)
        if (holds(index, slot, heap->keys[i]))
            heap->keys[kept++] = heap->keys[i];
    heap->count = kept;
    for (Py_ssize_t i = kept / 2; i--;)
        sink_key(heap, i);
}

static int stir(RangeIndex *index, int slot, Heap *heap) {
    if (heap->stirred)
        return 1;
    if (!make_room((void **)&index->stirred_slots, &index->stirred_room, index->stirred + 1, sizeof(int)))
        return 0;
    heap->stirred = 1;
    index->stirred_slots[index->stirred++] = slot;
    return 1;
}

static wide within_most(wide end) {
    return end > END_MOST ? END_MOST : end < -END_MOST ? -END_MOST : end;
}

/* A Python int; what lies beyond all ends is read as next to the last of them. 0 with an exception if it is none. */
static int read_end(PyObject *number, wide *end) {
    int fits = 1, above = 0;
    *end = read_wide(number, &fits);
    if (!fits) {
        PyObject *nought = PyLong_FromLong(0);
        above = nought ? PyObject_RichCompareBool(number, nought, Py_GT) : -1;
        Py_XDECREF(nought);
        *end = above ? END_MOST + 1 : -END_MOST - 1;
    } else if (*end != within_most(*end)) {
        *end = *end > 0 ? END_MOST + 1 : -END_MOST - 1;
    }
    return above >= 0;
}

static int disarm(RangeIndex *index, long account) {
    Armed *old = index->armed[account];
    if (!old)
        return 1;
    index->armed[account] = NULL;
    index->accounts--;
    int done = 1;
    for (int i = 0; i < old->count; i++) {
        Heap *heap = heap_of(index, old->at[i].slot);
        heap->live--;
        done &= stir(index, old->at[i].slot, heap);
    }
    PyMem_Free(old);
    return done;
}

int arm_ends(RangeIndex *index, long account, const End *ends, int count) {
    for (int i = 0; i < count; i++) {
        if (!heap_of(index, ends[i].slot)) {
            PyErr_Format(PyExc_KeyError, "%d", ends[i].slot);
            return 0;
        }
    }
    if (account < 0 || account > ACCOUNTS_MOST) {
        PyErr_SetString(PyExc_OverflowError, "an account's number has 31 bits");
        return 0;
    }
    if (!make_room((void **)&index->armed, &index->room, account + 1, sizeof *index->armed))
        return 0;
    if (!count)
        return disarm(index, account);
    Armed *armed = PyMem_Malloc(sizeof *armed + count * sizeof *armed->at);
    if (!armed) {
        PyErr_NoMemory();
        return 0;
    }
    armed->count = count;
    armed->doubted = 0;
    const Armed *old = index->armed[account];
    for (int i = 0; i < count; i++) {
        int slot = ends[i].slot, place = place_in(old, slot);
        wide end = within_most(ends[i].end);
        Heap *heap = heap_of(index, slot);
        armed->at[i] = ends[i];
        armed->at[i].end = end;
        heap->live++; /* what stays as it was is in the heap already */
        if ((place < 0 || old->at[place].end != end) && !(push(heap, key_of(slot, end, account)) && stir(index, slot, heap))) {
            PyMem_Free(armed);
            return 0;
        }
    }
    int done = disarm(index, account);
    index->armed[account] = armed;
    index->accounts++;
    return done;
}

static int note_nearest(RangeIndex *index, int slot, const Heap *heap) {
    int axis = slot % SLOTS_AN_INSTRUMENT;
    if (slot < 0 || axis >= FUNDING)
        return 1;
    PyObject *list = axis == FLOOR ? index->floor_ticks : index->ceiling_ticks;
    PyObject *never = axis == FLOOR ? index->never_below : index->never_above;
    PyObject *nearest = heap->count ? wide_object(end_in(slot, heap->keys[0])) : Py_NewRef(never);
    return nearest && PyList_SetItem(list, slot / SLOTS_AN_INSTRUMENT, nearest) == 0;
}

static PyObject *settle(RangeIndex *index, PyObject *Py_UNUSED(nothing)) {
    while (index->stirred) {
        int slot = index->stirred_slots[--index->stirred];
        Heap *heap = heap_of(index, slot);
        heap->stirred = 0;
        sift(index, slot, heap);
        while (heap->count && !holds(index, slot, heap->keys[0])) {
            heap->keys[0] = heap->keys[--heap->count];
            sink_key(heap, 0);
        }
        if (!note_nearest(index, slot, heap))
            return NULL;
    }
    Py_RETURN_NONE;
}

static int grow_side(Side *side, Py_ssize_t count) {
    if (!make_room((void **)&side->heaps, &side->room, count, sizeof *side->heaps))
        return 0;
    side->count = count > side->count ? count : side->count;
    return 1;
}

static PyObject *grow(RangeIndex *index, PyObject *arguments) {
    Py_ssize_t instruments, assets = 0;
    if (!PyArg_ParseTuple(arguments, "n|n", &instruments, &assets))
        return NULL;
    if (instruments > INT32_MAX / SLOTS_AN_INSTRUMENT || assets > INT32_MAX / 2)
        return PyErr_Format(PyExc_OverflowError, "too many slots");
    if (!grow_side(&index->up, instruments * SLOTS_AN_INSTRUMENT) || !grow_side(&index->down, assets * 2))
        return NULL;
    while (PyList_GET_SIZE(index->floor_ticks) < instruments) {
        if (PyList_Append(index->floor_ticks, index->never_below) < 0 || PyList_Append(index->ceiling_ticks, index->never_above) < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

/* Appends the accounts whose key is below a bound, which lie at the top of the heap. */
static int collect(const RangeIndex *index, int slot, const Heap *heap, Key bound, Py_ssize_t at, PyObject *found) {
    for (; at < heap->count && heap->keys[at] < bound; at = 2 * at + 2) {
        if (holds(index, slot, heap->keys[at])) {
            PyObject *account = PyLong_FromLong(account_in(heap->keys[at]));
            int failed = !account || PyList_Append(found, account) < 0;
            Py_XDECREF(account);
            if (failed)
                return 0;
        }
        if (!collect(index, slot, heap, bound, 2 * at + 1, found))
            return 0;
    }
    return 1;
}

static PyObject *crossed(RangeIndex *index, int floors, PyObject *value) {
    wide at;
    if (!read_end(value, &at))
        return NULL;
    Heap *floor = heap_of(index, floors), *ceiling = heap_of(index, floors + CEILING);
    if (!floor || !ceiling)
        return PyErr_Format(PyExc_KeyError, "%d", floors);
    PyObject *found = PyList_New(0);
    Key unit = (Key)1 << SHIFT;
    if (found && !(collect(index, floors, floor, -at * unit, 0, found) && collect(index, floors + CEILING, ceiling, at * unit, 0, found)))
        Py_CLEAR(found);
    return found;
}

static PyObject *crossed_on(RangeIndex *index, PyObject *arguments, int scale, int first) {
    int number;
    PyObject *value;
    return PyArg_ParseTuple(arguments, "iO", &number, &value) ? crossed(index, number * scale + first, value) : NULL;
}

static PyObject *crossed_by_mark(RangeIndex *index, PyObject *arguments) {
    return crossed_on(index, arguments, SLOTS_AN_INSTRUMENT, MARK + FLOOR);
}

static PyObject *crossed_by_funding(RangeIndex *index, PyObject *arguments) {
    return crossed_on(index, arguments, SLOTS_AN_INSTRUMENT, FUNDING + FLOOR);
}

static PyObject *crossed_by_conversion(RangeIndex *index, PyObject *arguments) {
    return crossed_on(index, arguments, -2, -2);
}

static PyObject *exposed_to(RangeIndex *index, PyObject *instrument) {
    long number = PyLong_AsLong(instrument);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    PyObject *found = PyList_New(0);
    for (long slot = number * SLOTS_AN_INSTRUMENT; found && slot < (number + 1) * SLOTS_AN_INSTRUMENT; slot++) {
        Heap *heap = number < 0 || slot > INT32_MAX ? NULL : heap_of(index, (int)slot);
        if (!heap) {
            Py_DECREF(found);
            return PyErr_Format(PyExc_KeyError, "%ld", slot);
        }
        if (!collect(index, (int)slot, heap, (END_MOST + 2) * ((Key)1 << SHIFT), 0, found))
            Py_CLEAR(found);
    }
    return found;
}

/* The ends in a Python mapping of slots, which the caller frees; NULL with an exception. */
static End *read_ends(PyObject *ranges) {
    PyObject *slot, *end;
    Py_ssize_t place = 0;
    if (!PyDict_CheckExact(ranges) || PyDict_GET_SIZE(ranges) > INT32_MAX)
        return PyErr_Format(PyExc_TypeError, "ranges are a dict of slots"), NULL;
    End *ends = PyMem_Malloc((PyDict_GET_SIZE(ranges) + 1) * sizeof *ends);
    if (!ends)
        return PyErr_NoMemory(), NULL;
    for (int i = 0; PyDict_Next(ranges, &place, &slot, &end); i++) {
        long number = PyLong_AsLong(slot);
        int whole = number >= INT32_MIN && number <= INT32_MAX && read_end(end, &ends[i].end);
        ends[i].slot = (int)number;
        ends[i].is_below = 0;
        ends[i].steepest = ends[i].flattest = 0;
        if (whole && !PyErr_Occurred())
            continue;
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_KeyError, "%R", slot);
        PyMem_Free(ends);
        return NULL;
    }
    return ends;
}

static PyObject *arm(RangeIndex *index, PyObject *arguments) {
    long account;
    PyObject *ranges;
    if (!PyArg_ParseTuple(arguments, "lO", &account, &ranges))
        return NULL;
    End *ends = read_ends(ranges);
    if (!ends)
        return NULL;
    int done = arm_ends(index, account, ends, (int)PyDict_GET_SIZE(ranges));
    PyMem_Free(ends);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

int sure_ends(const RangeIndex *index, long account, End ends[ENDS_MOST]) {
    const Armed *armed = armed_of(index, account);
    if (!armed || armed->doubted || armed->count > ENDS_MOST)
        return 0;
    memcpy(ends, armed->at, armed->count * sizeof *ends);
    return armed->count;
}

int end_on(const RangeIndex *index, long account, int slot, wide *end) {
    const Armed *armed = armed_of(index, account);
    int place = place_in(armed, slot);
    if (place >= 0)
        *end = armed->at[place].end;
    return place >= 0;
}

void doubt_ends(RangeIndex *index, long account) {
    if (account >= 0 && account < index->room && index->armed[account])
        index->armed[account]->doubted = 1;
}

static PyObject *doubt(RangeIndex *index, PyObject *number) {
    long account = PyLong_AsLong(number);
    if (account == -1 && PyErr_Occurred())
        return NULL;
    doubt_ends(index, account);
    Py_RETURN_NONE;
}

static PyObject *end_of(RangeIndex *index, PyObject *arguments) {
    long account;
    int slot;
    if (!PyArg_ParseTuple(arguments, "li", &account, &slot))
        return NULL;
    wide end;
    if (!end_on(index, account, slot, &end))
        Py_RETURN_NONE;
    return wide_object(end);
}

static Py_ssize_t length(RangeIndex *index) {
    return index->accounts;
}

static void free_side(Side *side) {
    for (Py_ssize_t i = 0; i < side->count; i++)
        PyMem_Free(side->heaps[i].keys);
    PyMem_Free(side->heaps);
}

static void dealloc(RangeIndex *index) {
    free_side(&index->up);
    free_side(&index->down);
    for (Py_ssize_t i = 0; i < index->room; i++)
        PyMem_Free(index->armed[i]);
    PyMem_Free(index->armed);
    PyMem_Free(index->stirred_slots);
    Py_XDECREF(index->floor_ticks), Py_XDECREF(index->ceiling_ticks);
    Py_XDECREF(index->never_below), Py_XDECREF(index->never_above);
    Py_TYPE(index)->tp_free((PyObject *)index);
}

static PyObject *make(PyTypeObject *type, PyObject *arguments, PyObject *words) {
    if (PyTuple_GET_SIZE(arguments) || (words && PyDict_GET_SIZE(words)))
        return PyErr_Format(PyExc_TypeError, "RangeIndex takes nothing");
    RangeIndex *index = (RangeIndex *)type->tp_alloc(type, 0); /* all nought */
    if (!index)
        return NULL;
    index->floor_ticks = PyList_New(0);
    index->ceiling_ticks = PyList_New(0);
    index->never_above = PyLong_FromString("1606938044258990275541962092341162602522202993782792835301376", NULL, 10); /* 2^200 */
    index->never_below = index->never_above ? PyNumber_Negative(index->never_above) : NULL;
    if (!index->floor_ticks || !index->ceiling_ticks || !index->never_below)
        Py_CLEAR(index);
    return (PyObject *)index;
}

#define CALLED(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef METHODS[] = {
    {"grow", CALLED(grow), METH_VARARGS, "Make room for so many instruments and assets."},
    {"crossed_by_mark", CALLED(crossed_by_mark), METH_VARARGS, "The accounts whose range of a mark ends before it."},
    {"crossed_by_funding", CALLED(crossed_by_funding), METH_VARARGS, "The same of a cumulative funding."},
    {"crossed_by_conversion", CALLED(crossed_by_conversion), METH_VARARGS, "The same of the price of an asset."},
    {"exposed_to", CALLED(exposed_to), METH_O, "The accounts with an end of an instrument's."},
    {"arm", CALLED(arm), METH_VARARGS, "Replace an account's ends."},
    {"doubt", CALLED(doubt), METH_O, "Let no end of an account be moved before it is armed again."},
    {"end_of", CALLED(end_of), METH_VARARGS, "Where an account's range ends on one side."},
    {"settle", CALLED(settle), METH_NOARGS, "Tell the nearest ends."},
    {"pass_over", CALLED(core_pass_over), METH_FASTCALL, "Who of those due may meet a test; the others are armed again."},
    {"pass_reduced", CALLED(core_pass_reduced), METH_FASTCALL, "The reductions that may have left somebody in need of a look."},
    {"arm_between", CALLED(core_arm_between), METH_FASTCALL, "Arm an account above one level and below another."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef MEMBERS[] = {
    {"floor_ticks", T_OBJECT_EX, offsetof(RangeIndex, floor_ticks), READONLY, NULL},
    {"ceiling_ticks", T_OBJECT_EX, offsetof(RangeIndex, ceiling_ticks), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PySequenceMethods SEQUENCE = {.sq_length = (lenfunc)length};

PyTypeObject RangeIndexType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "deleverage.core._core.RangeIndex",
    .tp_doc = "The ends of all accounts, as handlers/ranges.py has them.",
    .tp_basicsize = sizeof(RangeIndex),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = make,
    .tp_dealloc = (destructor)dealloc,
    .tp_methods = METHODS,
    .tp_members = MEMBERS,
    .tp_as_sequence = &SEQUENCE,
};
