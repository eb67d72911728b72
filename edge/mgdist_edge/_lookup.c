/* The keys of the words in chunks of a text, as chunks.py has them: one pass over the characters, and one look-up a word in
 * a table that lies together in memory. In Python a look-up waits for four places of memory, and costs five times as much. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define STRANGER 0x80000000u
#define END 0u

typedef struct {
    uint32_t hash, id, start, length; /* id 0: nothing stands here; start and length: of the word in ``text`` */
} Entry;

typedef struct {
    PyObject_HEAD
    Entry *entries;
    uint32_t mask;
    char *text;
    int sentences;
    Py_ssize_t breaks;
} Lookup;

typedef struct {
    uint32_t *keys;
    Py_ssize_t count, room;
    char *word; /* UTF-8 of the word that is read */
    Py_ssize_t longest;
} Found;

static uint32_t remainders[256];

static void fill_remainders(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t rest = byte;
        for (int bit = 0; bit < 8; bit++)
            rest = rest & 1 ? 0xEDB88320u ^ (rest >> 1) : rest >> 1;
        remainders[byte] = rest;
    }
}

/* CRC-32, as zlib.crc32 gives it. */
static uint32_t crc32_of(const char *bytes, Py_ssize_t length)
{
    uint32_t rest = 0xFFFFFFFFu;
    for (Py_ssize_t place = 0; place < length; place++)
        rest = remainders[(rest ^ (unsigned char)bytes[place]) & 0xFF] ^ (rest >> 8);
    return rest ^ 0xFFFFFFFFu;
}

/* Write a character as UTF-8, halves of a pair too, and return how many bytes it took. */
static int encode(Py_UCS4 c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Return the place of a word's entry, or of the free one where it would stand. */
static Entry *entry_of(const Lookup *self, const char *word, Py_ssize_t length, uint32_t hash)
{
    uint32_t place = hash & self->mask;
    for (;; place = (place + 1) & self->mask) {
        Entry *entry = self->entries + place;
        if (!entry->id)
            return entry;
        if (entry->hash == hash && entry->length == length && !memcmp(self->text + entry->start, word, length))
            return entry;
    }
}

static uint32_t key_of(const Lookup *self, const char *word, Py_ssize_t length)
{
    uint32_t hash = crc32_of(word, length);
    const Entry *entry = entry_of(self, word, length, hash);
    return entry->id ? entry->id : hash | STRANGER;
}

static int is_word(Py_UCS4 c) { return c == '_' || Py_UNICODE_ISALNUM(c); }

static int is_closing(Py_UCS4 c) { return c == '"' || c == '\'' || c == ')' || c == ']'; }

static int is_stop(Py_UCS4 c) { return c == '.' || c == '!' || c == '?'; }

static int make_room(Found *found, Py_ssize_t keys, Py_ssize_t word)
{
    if (found->count + keys > found->room) {
        Py_ssize_t room = 2 * (found->count + keys);
        uint32_t *more = PyMem_Realloc(found->keys, room * sizeof(uint32_t));
        if (more == NULL)
            return -1;
        found->keys = more;
        found->room = room;
    }
    if (word > found->longest) {
        char *more = PyMem_Realloc(found->word, 2 * word);
        if (more == NULL)
            return -1;
        found->word = more;
        found->longest = 2 * word;
    }
    return 0;
}

/* Add the keys of a chunk's words and marks, and END where a sentence ends with it. */
static int add(const Lookup *self, PyObject *chunk, Found *found)
{
    int kind = PyUnicode_KIND(chunk), ends = 0;
    const void *data = PyUnicode_DATA(chunk);
    Py_ssize_t length = PyUnicode_GET_LENGTH(chunk), stop = length;
    if (make_room(found, length + 1 + self->breaks, 4 * length) < 0)
        return -1;
    if (length == 2 && PyUnicode_READ(kind, data, 0) == '\n' && PyUnicode_READ(kind, data, 1) == '\n') {
        for (Py_ssize_t each = 0; each < self->breaks; each++)
            found->keys[found->count++] = END;
        return 0;
    }
    if (self->sentences) {
        Py_ssize_t last = length;
        while (last && is_closing(PyUnicode_READ(kind, data, last - 1)))
            last--;
        if (last && is_stop(PyUnicode_READ(kind, data, last - 1))) {
            stop = last;
            ends = 1;
        }
    }
    for (Py_ssize_t place = 0; place < stop;) {
        Py_UCS4 c = PyUnicode_READ(kind, data, place++);
        if (Py_UNICODE_ISSPACE(c))
            continue;
        Py_ssize_t bytes = encode(c, found->word);
        if (is_word(c))
            for (; place < stop && is_word(c = PyUnicode_READ(kind, data, place)); place++)
                bytes += encode(c, found->word + bytes);
        found->keys[found->count++] = key_of(self, found->word, bytes);
    }
    if (ends)
        found->keys[found->count++] = END;
    return 0;
}

static PyObject *keys(Lookup *self, PyObject *chunks)
{
    Found found = {0};
    PyObject *told = NULL;
    if (!PyList_Check(chunks))
        return PyErr_Format(PyExc_TypeError, "expected a list of str; got %s", Py_TYPE(chunks)->tp_name);
    for (Py_ssize_t place = 0; place < PyList_GET_SIZE(chunks); place++) {
        PyObject *chunk = PyList_GET_ITEM(chunks, place);
        if (!PyUnicode_Check(chunk)) {
            PyErr_Format(PyExc_TypeError, "expected a list of str; got one of %s", Py_TYPE(chunk)->tp_name);
            goto done;
        }
        if (add(self, chunk, &found) < 0) {
            PyErr_NoMemory();
            goto done;
        }
    }
    told = PyBytes_FromStringAndSize((const char *)found.keys, found.count * (Py_ssize_t)sizeof(uint32_t));
done:
    PyMem_Free(found.keys);
    PyMem_Free(found.word);
    return told;
}

/* Put the words of a vocabulary into the table, which is large enough for twice as many. */
static int fill(Lookup *self, PyObject *vocabulary)
{
    PyObject *word, *id;
    Py_ssize_t place = 0, used = 0, bytes = 0;
    size_t size = 2;
    while (PyDict_Next(vocabulary, &place, &word, &id)) {
        if (!PyUnicode_Check(word) || !PyLong_Check(id)) {
            PyErr_SetString(PyExc_TypeError, "expected a dict of str to int; got others");
            return -1;
        }
        bytes += 4 * PyUnicode_GET_LENGTH(word);
    }
    while (size < 2 * (size_t)PyDict_GET_SIZE(vocabulary))
        size *= 2;
    if (size > 1u << 31 || bytes > INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "expected a vocabulary of less than 2 GB; got a larger one");
        return -1;
    }
    self->mask = (uint32_t)size - 1;
    self->entries = PyMem_Calloc(size, sizeof(Entry));
    self->text = PyMem_Malloc(bytes ? bytes : 1);
    if (self->entries == NULL || self->text == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (place = 0; PyDict_Next(vocabulary, &place, &word, &id);) {
        unsigned long number = PyLong_AsUnsignedLong(id);
        if (PyErr_Occurred())
            return -1;
        if (number >= STRANGER) {
            PyErr_SetString(PyExc_OverflowError, "expected ids below 2 ** 31; got a larger one");
            return -1;
        }
        Py_ssize_t length = 0;
        for (Py_ssize_t at = 0; at < PyUnicode_GET_LENGTH(word); at++)
            length += encode(PyUnicode_READ_CHAR(word, at), self->text + used + length);
        uint32_t hash = crc32_of(self->text + used, length);
        *entry_of(self, self->text + used, length, hash) = (Entry){hash, (uint32_t)number, (uint32_t)used, (uint32_t)length};
        used += length;
    }
    return 0;
}

static void drop(Lookup *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(self->entries);
    PyMem_Free(self->text);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *make(PyTypeObject *type, PyObject *given, PyObject *named)
{
    static char *names[] = {"vocabulary", "sentences", "breaks", NULL};
    PyObject *vocabulary;
    Lookup *self = (Lookup *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    if (!PyArg_ParseTupleAndKeywords(given, named, "O!pn", names, &PyDict_Type, &vocabulary, &self->sentences, &self->breaks)
        || fill(self, vocabulary) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyMethodDef methods[] = {
    {"keys", (PyCFunction)keys, METH_O, "Return the keys (uint32) of the words in all chunks of a list, as bytes."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A vocabulary, ready to be looked up; see mgdist_edge.chunks."},
    {Py_tp_new, make},
    {Py_tp_dealloc, drop},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {"mgdist_edge._lookup.Lookup", sizeof(Lookup), 0, Py_TPFLAGS_DEFAULT, slots};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_lookup", "Words looked up in machine code.", -1, NULL};

PyMODINIT_FUNC PyInit__lookup(void)
{
    PyObject *made = PyModule_Create(&module), *type = PyType_FromSpec(&spec);
    fill_remainders();
    if (made == NULL || type == NULL || PyModule_AddObject(made, "Lookup", type) < 0) {
        Py_XDECREF(made);
        Py_XDECREF(type);
        return NULL;
    }
    return made;
}
