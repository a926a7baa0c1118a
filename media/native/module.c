/* media._native: parts of the packet path, compiled. Optional; each file names its reference in Python. */

#include "native.h"

static PyMethodDef methods[] = {
    {"send", (PyCFunction)(void (*)(void))send_pairs, METH_FASTCALL, "Write, protect and send one leg's pairs (send.c)."},
    {"arrivals", (PyCFunction)(void (*)(void))read_arrivals, METH_FASTCALL, "Read transport-wide feedback (twcc.c)."},
    {"drain", (PyCFunction)(void (*)(void))drain, METH_FASTCALL, "Take what a socket has (receive.c)."},
    {"parse", (PyCFunction)(void (*)(void))parse_rtp, METH_FASTCALL, "Take an RTP packet apart (parse.c)."},
    {"know_queue", (PyCFunction)(void (*)(void))know_queue, METH_FASTCALL, "Learn the same of queues (flush.c)."},
    {"flush", (PyCFunction)(void (*)(void))flush, METH_FASTCALL, "Send what may leave at once (flush.c)."},
    {"wait", (PyCFunction)(void (*)(void))wait_for, METH_FASTCALL, "Wait, and pass on what is ordinary (wait.c)."},
    {"know", know, METH_O, "Learn where the core's objects keep what take needs (ordinary.c)."},
    {"take", (PyCFunction)(void (*)(void))take, METH_FASTCALL, "Pass an ordinary packet on (ordinary.c)."},
    {"take_from", (PyCFunction)(void (*)(void))take_from, METH_FASTCALL, "Pass on what was drained (ordinary.c)."},
    {"h264_starts_key", (PyCFunction)(void (*)(void))h264_starts_key, METH_FASTCALL, "Whether decoding can begin (parse.c)."},
    {"vp8_info", vp8_info, METH_O, "The counters of a VP8 payload (parse.c)."},
    {"set_no_vp8", set_no_vp8, METH_O, "What vp8_info answers where there is nothing."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "media._native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    if (receive_prepare() || sentlog_prepare() || PyType_Ready(&GlanceType) || PyType_Ready(&ArrivalsType))
        return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && (PyModule_AddObjectRef(module, "SentLog", (PyObject *)&SentLogType)
                           || PyModule_AddObjectRef(module, "Glance", (PyObject *)&GlanceType)
                           || PyModule_AddObjectRef(module, "Arrivals", (PyObject *)&ArrivalsType)))
        Py_CLEAR(module);
    return module;
}
