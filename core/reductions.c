/* Reductions in a row, booked as events/ledger/booking.py and account.py have it: those that are alike but for whom they
   are of, that close all or a part on both sides. The first that is otherwise ends what is done here. */
#include "core.h"
#include "fields.h"
#include "reductions.h"

#define NANO 1000000000

Shape reduction_shape = {
    {"account", "against", "against_leg", "instrument", "leg", "size_lots", "value_atoms", "liquidation_id"}, NULL, {0}};
enum { SEQ, AT, BODY };
static Shape event_shape = {{"seq", "at_ns", "body"}, NULL, {0}};
enum { OWNER_ASSET, OWNER_BALANCE, OWNER_POSITIONS };
static Shape owner_shape = {{"asset", "balance_atoms", "positions"}, NULL, {0}};

/* A side of a trade: whose it is, and what it holds before and after. The new figures are held until they are set. */
typedef struct {
    PyObject *account, *positions, *key, *held;
    wide lots, left_lots;
    PyObject *size, *cost, *funding, *balance;
} Party;

typedef struct {
    PyObject *accounts, *held_before, *position_type, *before_type, *mark;
    wide cumulative_nanoatoms, room_lots;
} Books;

typedef struct {
    Py_ssize_t count;
    wide lots, atoms, funding_atoms;
} Booked;

PyObject *position_on(PyObject *positions, wide instrument, int *fits) {
    PyObject *key, *held;
    Py_ssize_t place = 0;
    while (PyDict_Next(positions, &place, &key, &held)) {
        if (!PyTuple_CheckExact(key) || PyTuple_GET_SIZE(key) != 2 || !has_shape(&position_shape, held)) {
            *fits = 0;
            return NULL;
        }
        if (read_wide(PyTuple_GET_ITEM(key, 0), fits) == instrument && !read_wide(PyTuple_GET_ITEM(key, 1), fits))
            return held;
    }
    return NULL;
}

static void set_field(const Shape *shape, PyObject *object, int place, PyObject *value) {
    PyObject **field = (PyObject **)((char *)object + shape->offsets[place]), *old = *field;
    *field = Py_NewRef(value);
    Py_XDECREF(old);
}

/* What a side is left with if it trades so many lots; whether it is closed by them, in part or whole. */
static int work_out(Party *party, wide traded_lots, wide value_atoms, wide funding_atoms) {
    int fits = has_shape(&owner_shape, party->account);
    party->positions = fits ? field_of(&owner_shape, party->account, OWNER_POSITIONS) : NULL;
    if (!fits || !party->positions || !PyDict_CheckExact(party->positions))
        return 0;
    party->held = PyDict_GetItemWithError(party->positions, party->key);
    if (!party->held || !has_shape(&position_shape, party->held))
        return 0;
    wide lots = read_wide(field_of(&position_shape, party->held, SIZE_LOTS), &fits);
    wide cost_atoms = read_wide(field_of(&position_shape, party->held, COST_ATOMS), &fits);
    wide owed_atoms = read_wide(field_of(&position_shape, party->held, FUNDING_ATOMS), &fits);
    wide balance_atoms = read_wide(field_of(&owner_shape, party->account, OWNER_BALANCE), &fits);
    wide left_lots = plus(lots, traded_lots, &fits);
    if (!fits || !traded_lots || !lots || (lots > 0) == (traded_lots > 0) || (left_lots && (left_lots > 0) != (lots > 0)))
        return 0;
    wide cost_part = floor_of(times(cost_atoms, -traded_lots, &fits), lots);
    wide owed_part = floor_of(times(owed_atoms, -traded_lots, &fits), lots);
    wide gained = plus(plus(funding_atoms, owed_part, &fits), -plus(value_atoms, cost_part, &fits), &fits);
    balance_atoms = plus(balance_atoms, gained, &fits);
    if (!fits)
        return 0;
    party->lots = lots;
    party->left_lots = left_lots;
    party->size = wide_object(left_lots);
    party->cost = wide_object(plus(cost_atoms, -cost_part, &fits));
    party->funding = wide_object(plus(owed_atoms, -owed_part, &fits));
    party->balance = wide_object(balance_atoms);
    return fits && party->size && party->cost && party->funding && party->balance;
}

static void let_go(Party *party) {
    Py_CLEAR(party->size);
    Py_CLEAR(party->cost);
    Py_CLEAR(party->funding);
    Py_CLEAR(party->balance);
}

static int set(Party *party) {
    Py_INCREF(party->held);
    set_field(&owner_shape, party->account, OWNER_BALANCE, party->balance);
    set_field(&position_shape, party->held, SIZE_LOTS, party->size);
    set_field(&position_shape, party->held, COST_ATOMS, party->cost);
    set_field(&position_shape, party->held, FUNDING_ATOMS, party->funding);
    Py_DECREF(party->held);
    return party->left_lots ? 1 : PyDict_DelItem(party->positions, party->key) == 0;
}

/* Notes what is held before the reduction, and the mark. */
static int remember(const Books *books, PyObject *seq, PyObject *held) {
    PyObject *figures[3], *before[2] = {NULL, books->mark};
    for (int i = SIZE_LOTS; i <= FUNDING_ATOMS; i++)
        figures[i] = field_of(&position_shape, held, i);
    before[0] = PyObject_Vectorcall(books->position_type, figures, 3, NULL);
    PyObject *noted = before[0] ? PyObject_Vectorcall(books->before_type, before, 2, NULL) : NULL;
    int done = noted && PyDict_SetItem(books->held_before, seq, noted) == 0;
    Py_XDECREF(before[0]), Py_XDECREF(noted);
    return done;
}

static int is_like(PyObject *body, PyObject *model) {
    static const int SAME[] = {AGAINST, AGAINST_LEG, INSTRUMENT, LEG, OF_LIQUIDATION};
    for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++) {
        PyObject *one = field_of(&reduction_shape, body, SAME[i]), *other = field_of(&reduction_shape, model, SAME[i]);
        int fits = 1;
        if (one != other && (read_wide(one, &fits) != read_wide(other, &fits) || !fits))
            return 0;
    }
    return 1;
}

static PyObject *account_at(PyObject *accounts, PyObject *number) {
    int fits = 1;
    wide place = read_wide(number, &fits);
    return fits && place >= 0 && place < PyList_GET_SIZE(accounts) ? PyList_GET_ITEM(accounts, (Py_ssize_t)place) : NULL;
}

/* Books one reduction. 0 where it is left to Python, with or without an exception. */
static int book(const Books *books, PyObject *event, Party *taker, Party *giver, Booked *booked) {
    int fits = 1;
    PyObject *body = field_of(&event_shape, event, BODY);
    taker->account = account_at(books->accounts, field_of(&reduction_shape, body, REDUCED));
    wide lots = read_wide(field_of(&reduction_shape, body, TRADED_LOTS), &fits);
    wide atoms = read_wide(field_of(&reduction_shape, body, VALUE_ATOMS), &fits);
    wide funding_atoms = times(lots, books->cumulative_nanoatoms, &fits) / NANO;
    Booked after = {booked->count + 1, plus(booked->lots, lots, &fits), plus(booked->atoms, atoms, &fits),
                    plus(booked->funding_atoms, funding_atoms, &fits)};
    if (!fits || !taker->account || taker->account == giver->account || magnitude(after.lots) > books->room_lots)
        return 0;
    if (!has_shape(&owner_shape, taker->account) || !work_out(giver, -lots, -atoms, -funding_atoms))
        return 0;
    PyObject *assets[] = {field_of(&owner_shape, taker->account, OWNER_ASSET), field_of(&owner_shape, giver->account, OWNER_ASSET)};
    if (read_wide(assets[0], &fits) != read_wide(assets[1], &fits) || !fits || !work_out(taker, lots, atoms, funding_atoms))
        return 0;
    if (!remember(books, field_of(&event_shape, event, SEQ), taker->held) || !set(taker) || !set(giver))
        return 0;
    *booked = after;
    return 1;
}

/* Whether an event is the next one, of the same instant and like the one before. */
static int follows(PyObject *event, PyObject *before, wide seq, wide at_ns) {
    int fits = has_shape(&event_shape, event);
    if (!fits || read_wide(field_of(&event_shape, event, SEQ), &fits) != seq || read_wide(field_of(&event_shape, event, AT), &fits) != at_ns || !fits)
        return 0;
    PyObject *body = field_of(&event_shape, event, BODY);
    return body && Py_TYPE(body) == Py_TYPE(before) && is_like(body, before);
}

static PyObject *told(const Booked *booked) {
    PyObject *lots = wide_object(booked->lots), *atoms = wide_object(booked->atoms), *funding = wide_object(booked->funding_atoms);
    if (lots && atoms && funding)
        return Py_BuildValue("nNNN", booked->count, lots, atoms, funding);
    Py_XDECREF(lots), Py_XDECREF(atoms), Py_XDECREF(funding);
    return NULL;
}

static PyObject *pair_of(PyObject *body, int first, int second) {
    return PyTuple_Pack(2, field_of(&reduction_shape, body, first), field_of(&reduction_shape, body, second));
}

/* What is read of accounts that come soon, as far as the events are of the type of the model. */
static void fetch_ahead(PyObject *accounts, PyObject *events, Py_ssize_t at, PyObject *model) {
    for (int link = 0; link < FETCH_LINKS; link++) {
        Py_ssize_t place = at + FETCH_STEP * (FETCH_LINKS - link);
        PyObject *event = place < PyList_GET_SIZE(events) ? PyList_GET_ITEM(events, place) : NULL;
        PyObject *body = event && has_shape(&event_shape, event) ? field_of(&event_shape, event, BODY) : NULL;
        if (body && Py_TYPE(body) == Py_TYPE(model))
            fetch_link(accounts, field_of(&reduction_shape, body, REDUCED), link);
    }
}

/* Books what follows events[first - 1], which is booked. */
static PyObject *book_all(const Books *books, PyObject *events, Py_ssize_t first) {
    int fits = 1;
    Booked booked = {0, 0, 0, 0};
    PyObject *before = PyList_GET_ITEM(events, first - 1);
    PyObject *model = has_shape(&event_shape, before) ? field_of(&event_shape, before, BODY) : NULL;
    if (!model || !has_shape(&reduction_shape, model))
        return told(&booked);
    wide seq = read_wide(field_of(&event_shape, before, SEQ), &fits), at_ns = read_wide(field_of(&event_shape, before, AT), &fits);
    Party taker = {.key = pair_of(model, INSTRUMENT, LEG)}, giver = {.key = pair_of(model, INSTRUMENT, AGAINST_LEG)};
    giver.account = account_at(books->accounts, field_of(&reduction_shape, model, AGAINST));
    fits &= giver.account && taker.key && giver.key;
    while (fits && first + booked.count < PyList_GET_SIZE(events)) {
        fetch_ahead(books->accounts, events, first + booked.count, model);
        PyObject *event = PyList_GET_ITEM(events, first + booked.count);
        int done = follows(event, model, seq + booked.count + 1, at_ns) && book(books, event, &taker, &giver, &booked);
        let_go(&taker);
        let_go(&giver);
        if (!done)
            break;
    }
    Py_XDECREF(taker.key), Py_XDECREF(giver.key);
    return PyErr_Occurred() ? NULL : told(&booked);
}

/* fold_reductions(events, first, accounts, market, held_before, Position, HeldBefore, room_lots). */
PyObject *core_fold_reductions(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {
    int fits = 1;
    wide mark_ticks;
    Py_ssize_t first = count == 8 ? PyLong_AsSsize_t(arguments[1]) : -1;
    if (first < 1 || !PyList_Check(arguments[0]) || first > PyList_GET_SIZE(arguments[0]) || !PyDict_CheckExact(arguments[4])) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "fold_reductions takes events and what of the ledger they change");
        return NULL;
    }
    Books books = {arguments[2], arguments[4], arguments[5], arguments[6], NULL, 0, read_wide(arguments[7], &fits)};
    fits &= PyList_CheckExact(books.accounts) && read_prices(arguments[3], &mark_ticks, &books.cumulative_nanoatoms);
    books.mark = fits ? wide_object(mark_ticks) : NULL;
    if (fits && !books.mark)
        return NULL;
    PyObject *found = fits ? book_all(&books, arguments[0], first) : told(&(Booked){0, 0, 0, 0});
    Py_XDECREF(books.mark);
    return found;
}
