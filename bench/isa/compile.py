"""Compiles SPIR-V compute kernels with the Vulkan driver at hand, which prints what it makes of them.

usage: compile.py FOLDER

Reads NAME.spv beside NAME.json (types of its bindings, "storage" or "uniform") and compiles each; before each its
name goes to standard error, where the driver writes. Nothing runs, so that a driver without hardware will do.
"""

import ctypes
import json
import pathlib
import sys

U32, P, SIZE = ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t


def struct(*fields):
    """A Vulkan structure: its tag and chain, then these fields."""
    made = [("sType", U32), ("pNext", P), *fields]
    return type("Structure", (ctypes.Structure,), {"_fields_": made})


InstanceInfo = struct(("flags", U32), ("app", P), ("layers", U32), ("layer", P), ("extensions", U32), ("extension", P))
QueueInfo = struct(("flags", U32), ("family", U32), ("count", U32), ("priorities", P))
DeviceInfo = struct(
    ("flags", U32), ("queues", U32), ("queue", P), ("layers", U32), ("layer", P), ("extensions", U32),
    ("extension", P), ("features", P),
)  # fmt: skip
ModuleInfo = struct(("flags", U32), ("size", SIZE), ("code", P))
SetInfo = struct(("flags", U32), ("count", U32), ("bindings", P))
LayoutInfo = struct(("flags", U32), ("sets", U32), ("set", P), ("ranges", U32), ("range", P))


class Binding(ctypes.Structure):
    _fields_ = [("binding", U32), ("type", U32), ("count", U32), ("stages", U32), ("samplers", P)]


Stage = struct(("flags", U32), ("stage", U32), ("module", P), ("name", ctypes.c_char_p), ("constants", P))
PipelineInfo = struct(("flags", U32), ("stage", Stage), ("layout", P), ("base", P), ("index", ctypes.c_int32))

vulkan = ctypes.CDLL("libvulkan.so.1")


def call(name, *arguments):
    result = getattr(vulkan, name)(*arguments)
    if result != 0:
        raise SystemExit(f"{name} fails with {result}")


def opened():
    instance, device, count = P(), P(), U32(1)
    call("vkCreateInstance", ctypes.byref(InstanceInfo(sType=1)), None, ctypes.byref(instance))
    physical = (P * 1)()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), physical)
    if count.value == 0:
        raise SystemExit("no Vulkan device")
    priority = ctypes.c_float(1)
    queue = QueueInfo(sType=2, count=1, priorities=ctypes.addressof(priority))
    info = DeviceInfo(sType=3, queues=1, queue=ctypes.addressof(queue))
    call("vkCreateDevice", P(physical[0]), ctypes.byref(info), None, ctypes.byref(device))
    return device


def compiled(device, code, kinds):
    words = ctypes.create_string_buffer(code, len(code))
    module, layout, pipeline, chosen = P(), P(), P(), P()
    info = ModuleInfo(sType=16, size=len(code), code=ctypes.addressof(words))
    call("vkCreateShaderModule", device, ctypes.byref(info), None, ctypes.byref(module))
    types = {"uniform": 6, "storage": 7}
    bindings = (Binding * len(kinds))(*[Binding(i, types[kind], 1, 0x20, None) for i, kind in enumerate(kinds)])
    info = SetInfo(sType=32, count=len(kinds), bindings=ctypes.addressof(bindings))
    call("vkCreateDescriptorSetLayout", device, ctypes.byref(info), None, ctypes.byref(chosen))
    sets = (P * 1)(chosen)
    info = LayoutInfo(sType=30, sets=1, set=ctypes.addressof(sets))
    call("vkCreatePipelineLayout", device, ctypes.byref(info), None, ctypes.byref(layout))
    stage = Stage(sType=18, stage=0x20, module=module, name=b"main")
    info = PipelineInfo(sType=29, stage=stage, layout=layout, index=-1)
    call("vkCreateComputePipelines", device, None, 1, ctypes.byref(info), None, ctypes.byref(pipeline))


device = opened()
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.spv")):
    print(f"=== {path.stem}", file=sys.stderr, flush=True)
    compiled(device, path.read_bytes(), json.loads(path.with_suffix(".json").read_text()))
