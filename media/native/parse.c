/* What arrives, taken apart: media/rtp.py's and media/codecs.py's readers, compiled, with the same results.
 *
 * parse(data, level_id, time_id, wide_id)
 *     -> (second byte, sequence, timestamp, ssrc, audio level, abs-send-time, transport-wide number, payload)
 *   of one RTP packet (RFC 3550 5.1), or None when its header, its extensions or its padding do not fit into it. Audio
 *   level, abs-send-time and the number are -1 where the element (RFC 8285) is not there.
 * vp8_info(payload) -> media.codecs.Vp8Info (RFC 7741 4.2)
 * Neither reads outside of what it was given; neither raises on a peer's bytes. */

#include "native.h"

static PyObject *no_vp8;

static unsigned long get16(const unsigned char *at) { return (unsigned long)at[0] << 8 | at[1]; }
static unsigned long get32(const unsigned char *at) { return get16(at) << 16 | get16(at + 2); }

typedef struct {
    long level_id, time_id, wide_id;
} Ids;

/* The last element with an id counts. In the one-byte form an element of another size than its meaning has counts as
 * the next meaning's, if that has the same id: as in rtp.py. */
static void scan(const unsigned char *data, Py_ssize_t at, Py_ssize_t end, unsigned long profile, const Ids *ids,
                 Packet *found) {
    int two_byte = (profile & 0xFFF0) == 0x1000;
    if (!two_byte && profile != 0xBEDE)
        return;
    while (at < end) {
        long ident, size;
        unsigned char byte = data[at++];
        if (byte == 0)
            continue;
        if (two_byte) {
            if (at >= end)
                return;
            ident = byte;
            size = data[at++];
        } else {
            ident = byte >> 4;
            size = (byte & 0x0F) + 1;
            if (ident == 15)
                return;
        }
        if (at + size > end)
            return;
        int is_time = ident == ids->time_id && size == 3, is_wide = ident == ids->wide_id && size == 2;
        if (two_byte) {
            if (ident == ids->time_id)
                found->time = is_time ? (long)(get16(data + at) << 8 | data[at + 2]) : -1;
            if (ident == ids->wide_id)
                found->wide = is_wide ? (long)get16(data + at) : -1;
            if (ident == ids->level_id)
                found->level = size ? data[at] : -1;
        } else if (is_time)
            found->time = (long)(get16(data + at) << 8 | data[at + 2]);
        else if (is_wide)
            found->wide = (long)get16(data + at);
        else if (ident == ids->level_id)
            found->level = data[at];
        at += size;
    }
}

/* Take a packet apart where it lies; 0 when it is none, or when its parts do not fit into it. */
int read_rtp(const unsigned char *data, Py_ssize_t size, long level_id, long time_id, long wide_id, Packet *packet) {
    Ids ids = {level_id, time_id, wide_id};
    Py_ssize_t end = size, start = 12;
    packet->level = packet->time = packet->wide = -1;
    if (end < 12 || (data[0] & 0xC0) != 0x80)
        return 0;
    start += 4 * (data[0] & 0x0F);
    if (data[0] & 0x10) {
        if (start + 4 > end)
            return 0;
        Py_ssize_t elements = start + 4;
        start = elements + 4 * (Py_ssize_t)get16(data + elements - 2);
        if (start > end)
            return 0;
        scan(data, elements, start, get16(data + elements - 4), &ids, packet);
    }
    if (start > end)
        return 0;
    if (data[0] & 0x20) {
        if (end <= start)
            return 0;
        Py_ssize_t padding = data[end - 1];
        if (padding == 0 || padding > end - start)
            return 0;
        end -= padding;
    }
    packet->second = data[1];
    packet->seq = get16(data + 2);
    packet->timestamp = get32(data + 4);
    packet->ssrc = get32(data + 8);
    packet->start = start;
    packet->end = end;
    return 1;
}

PyObject *parse_rtp(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "parse(data, level_id, time_id, wide_id)");
        return NULL;
    }
    long level_id = PyLong_AsLong(args[1]), time_id = PyLong_AsLong(args[2]), wide_id = PyLong_AsLong(args[3]);
    Py_buffer view;
    if (PyErr_Occurred() || PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE))
        return NULL;
    const char *data = view.buf;
    Packet packet;
    PyObject *found;
    if (read_rtp(view.buf, view.len, level_id, time_id, wide_id, &packet)) {
        PyObject *payload = PyBytes_FromStringAndSize(data + packet.start, packet.end - packet.start);
        found = payload == NULL ? NULL
                                : Py_BuildValue("(kkkklllN)", packet.second, packet.seq, packet.timestamp, packet.ssrc,
                                                packet.level, packet.time, packet.wide, payload);
    } else
        found = Py_NewRef(Py_None);
    PyBuffer_Release(&view);
    return found;
}

PyObject *no_vp8_info(void) { return Py_XNewRef(no_vp8); }

int is_no_vp8(PyObject *info) { return info == no_vp8; }

PyObject *vp8_info(PyObject *Py_UNUSED(module), PyObject *object) {
    if (!PyBytes_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a payload is bytes");
        return NULL;
    }
    const unsigned char *payload = (const unsigned char *)PyBytes_AS_STRING(object);
    Py_ssize_t size = PyBytes_GET_SIZE(object), at = 1;
    long picture_at = 0, picture = -1, layer_at = 0, layer = -1, temporal = 0;
    int wide = 0;
    if (size < 2)
        goto none;
    if (payload[0] & 0x80) {
        unsigned char flags = payload[1];
        at = 2;
        if (flags & 0x80) {
            if (at >= size)
                goto none;
            picture_at = (long)at;
            picture = payload[at] & 0x7F;
            at++;
            if (payload[picture_at] & 0x80) {
                if (at >= size)
                    goto none;
                wide = 1;
                picture = picture << 8 | payload[at];
                at++;
            }
        }
        if (flags & 0x40) {
            if (at >= size)
                goto none;
            layer_at = (long)at;
            layer = payload[at++];
        }
        if (flags & 0x30) {
            if (at >= size)
                goto none;
            if (flags & 0x20)
                temporal = payload[at];
            at++;
        }
    }
    if (at >= size)
        goto none;
    int starts_key = (payload[0] & 0x10) && !(payload[0] & 0x07) && !(payload[at] & 0x01);
    PyObject *info = PyTuple_New(8);
    if (info == NULL)
        return NULL;
    PyTuple_SET_ITEM(info, 0, PyBool_FromLong(starts_key));
    PyTuple_SET_ITEM(info, 1, PyLong_FromLong(picture_at));
    PyTuple_SET_ITEM(info, 2, PyBool_FromLong(wide));
    PyTuple_SET_ITEM(info, 3, PyLong_FromLong(picture));
    PyTuple_SET_ITEM(info, 4, PyLong_FromLong(layer_at));
    PyTuple_SET_ITEM(info, 5, PyLong_FromLong(layer));
    PyTuple_SET_ITEM(info, 6, PyLong_FromLong(temporal >> 6));
    PyTuple_SET_ITEM(info, 7, PyBool_FromLong(temporal & 0x20));
    if (PyErr_Occurred()) {
        Py_DECREF(info);
        return NULL;
    }
    PyObject_GC_UnTrack(info); /* numbers only: the collector need not look at it */
    return info;
none:
    Py_INCREF(no_vp8);
    return no_vp8;
}

/* media.codecs.vp8_size: of the first packet of a key frame; 0, 0 when it does not tell. */
void vp8_size(const unsigned char *payload, Py_ssize_t size, long *width, long *height) {
    Py_ssize_t at = 1;
    *width = *height = 0;
    if (size < 3)
        return;
    if (payload[0] & 0x80) {
        unsigned char flags = payload[1];
        at = 2;
        if (flags & 0x80)
            at += payload[2] & 0x80 ? 2 : 1;
        at += ((flags & 0x40) != 0) + ((flags & 0x30) != 0);
    }
    if (size < at + 10 || payload[at + 3] != 0x9D || payload[at + 4] != 0x01 || payload[at + 5] != 0x2A)
        return;
    *width = (payload[at + 6] | payload[at + 7] << 8) & 0x3FFF;
    *height = (payload[at + 8] | payload[at + 9] << 8) & 0x3FFF;
}

enum { H264_IDR = 5, H264_SPS = 7, H264_STAP_A = 24, H264_FU_A = 28 };

/* media.codecs.h264_starts_key */
int h264_starts(const unsigned char *payload, Py_ssize_t size, int parameters_known) {
    if (size < 2)
        return 0;
    int kind = payload[0] & 0x1F;
    if (kind == H264_SPS)
        return 1;
    if (kind == H264_STAP_A) {
        for (Py_ssize_t at = 1; at + 3 <= size;) {
            Py_ssize_t length = (Py_ssize_t)get16(payload + at);
            int inner = payload[at + 2] & 0x1F;
            if (inner == H264_SPS || (parameters_known && inner == H264_IDR))
                return 1;
            if (length == 0)
                return 0;
            at += 2 + length;
        }
        return 0;
    }
    if (!parameters_known)
        return 0;
    if (kind == H264_FU_A)
        return (payload[1] & 0x80) && (payload[1] & 0x1F) == H264_IDR;
    return kind == H264_IDR;
}

PyObject *h264_starts_key(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count) {
    if (count < 1 || count > 2) {
        PyErr_SetString(PyExc_TypeError, "h264_starts_key(payload, parameters_known=False)");
        return NULL;
    }
    int is_known = count == 2 ? PyObject_IsTrue(args[1]) : 0;
    Py_buffer view;
    if (is_known < 0 || PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE))
        return NULL;
    int starts = h264_starts(view.buf, view.len, is_known);
    PyBuffer_Release(&view);
    return PyBool_FromLong(starts);
}

PyObject *set_no_vp8(PyObject *Py_UNUSED(module), PyObject *object) {
    Py_INCREF(object);
    Py_XSETREF(no_vp8, object);
    Py_RETURN_NONE;
}
