"""Jobs that misbehave, for the tests of the worker."""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import SimpleITK as sitk


def jobs():
    return {
        "echo": lambda arguments, context: arguments,
        "shout": shout,
        "double": double,
        "patient": patient,
        "deaf": lambda arguments, context: time.sleep(60) or {},
        "raise": fail,
        "die": lambda arguments, context: os._exit(7),
        "leftovers": leftovers,
        "pid": lambda arguments, context: {"pid": os.getpid()},
    }


def shout(arguments, context):
    print("libraries print to stdout")
    os.write(1, b'{"id": 1, "result": "forged"}\n')
    print("and to stderr", file=sys.stderr)
    return {"quiet": True}


def double(arguments, context):
    image = context.take(arguments["image"])
    return {"image": context.put(image * 2)}


def patient(arguments, context):
    for step in range(600):
        context.cancel.check()
        context.progress(step / 600, f"Step {step}")
        time.sleep(0.05)
    return {}


def leftovers(arguments, context):
    context.put(sitk.GetImageFromArray(np.zeros((4, 4, 4), np.uint8)))
    raise ValueError("after writing")


def fail(arguments, context):
    import builtins

    kind = getattr(builtins, arguments["kind"])
    raise kind(*arguments["args"])
