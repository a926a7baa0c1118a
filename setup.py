"""The compiled parts of the packet path (media/native, ADR 22): optional, without a C compiler all of it is Python."""

from setuptools import Extension, setup

NAMES = ("arrivals", "flush", "glance", "module", "ordinary", "parse", "receive", "send", "sentlog", "twcc", "wait")
SOURCES = [f"media/native/{name}.c" for name in NAMES]

setup(
    ext_modules=[
        Extension(
            "media._native",
            SOURCES,
            depends=["media/native/native.h", "media/native/sentlog.h", "media/native/slots.h"],
            extra_compile_args=["-O2"],
            optional=True,
        )
    ]
)
