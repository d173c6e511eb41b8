"""What AMD's compiler makes of the kernels, without AMD's hardware.

usage: python3 bench/isa/main.py [--write] [--from FOLDER]

Dumps the kernels of a decoded token of Gemma 3 1B (`cargo run --example roofline -- --kernels FOLDER`), compiles them
to SPIR-V with the bounds checks that browsers add, then for each family by Mesa's RADV on a null device, and compares
what it reports with golden.json: instructions, instructions of the longest inner loop (for products also by weight),
vector registers, waves that fit one SIMD, spilled registers. `--write` records it anew; `--from` takes kernels that
were dumped before.

Needs `naga` (cargo install naga-cli), libvulkan.so.1 and RADV (Debian: mesa-vulkan-drivers), and says so where one is
missing. Another version of Mesa gives other numbers, which is why no tier of the tests runs this.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
DRIVER = pathlib.Path("/usr/share/vulkan/icd.d/radeon_icd.x86_64.json")
FAMILIES = ["navi21", "rembrandt", "gfx1103_r1", "vega10"]
CHECKS = ["--index-bounds-check-policy", "Restrict", "--buffer-bounds-check-policy", "Restrict"]
# Weights of a turn of a product's loop: a unit of each of a team's rows.
UNIT = 32


def run(*words, **more):
    return subprocess.run(words, check=True, **more)


def dump(folder):
    """The kernels as WGSL."""
    run("cargo", "run", "--release", "--quiet", "-p", "hybridge-gemma", "--example", "roofline", "--", "--shape", "1b",
        "--kernels", str(folder), cwd=ROOT, stdout=subprocess.DEVNULL)  # fmt: skip


def translate(folder):
    """Each as SPIR-V, and beside it what its bindings are."""
    for path in folder.glob("*.wgsl"):
        text = path.read_text()
        found = re.findall(r"@binding\((\d+)\) var<(\w+)", text)
        kinds = [kind for _, kind in sorted((int(at), kind) for at, kind in found)]
        path.with_suffix(".json").write_text(json.dumps(kinds))
        run("naga", *CHECKS, str(path), str(path.with_suffix(".spv")), stdout=subprocess.DEVNULL)


def longest_loop(assembly):
    """Instructions of the longest loop that holds no other: from a label to the branch back to it."""
    labels, loops, count = {}, [], 0
    for line in assembly.splitlines():
        line = line.strip()
        if label := re.match(r"(BB\d+):", line):
            labels[label[1]] = count
        elif re.match(r"[sv]_|ds_|buffer_|global_|image_|flat_", line):
            count += 1
            branch = re.match(r"s_c?branch\w* (BB\d+)", line)
            if branch and branch[1] in labels:
                loops.append((labels[branch[1]], count))
    inner = [a for a in loops if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops)]
    return max((end - start for start, end in inner), default=0)


def reported(folder, family):
    """What the driver says of each kernel."""
    variables = {
        **os.environ,
        "VK_ICD_FILENAMES": str(DRIVER),
        "VK_DRIVER_FILES": str(DRIVER),
        "RADV_FORCE_FAMILY": family,
        "RADV_DEBUG": "nocache,shaders,shaderstats",
    }
    made = run(sys.executable, str(HERE / "compile.py"), str(folder), env=variables, stderr=subprocess.PIPE, text=True)
    table = {}
    for part in made.stderr.split("=== ")[1:]:
        name = part.splitlines()[0]

        def number(what):
            return int(re.search(rf"^{what}: (\d+)$", part, re.M)[1])

        assembly = part[part.rfind("disasm:") :] if "disasm:" in part else part
        row = {
            "instructions": number("Instructions"),
            "loop": longest_loop(assembly),
            "registers": number("VGPRs"),
            "waves": number("Subgroups per SIMD"),
            "spilled": number("Spilled VGPRs") + number("Spilled SGPRs"),
        }
        rows = re.search(r"const HELD: u32 = (\d+)u", (folder / f"{name}.wgsl").read_text())
        if rows:
            row["a weight"] = round(row["loop"] / (UNIT * int(rows[1])), 2)
        table[name] = row
    return table


def written(found):
    """One line for each kernel."""
    families = []
    for family, table in found.items():
        rows = ",\n".join(f"    {json.dumps(kernel)}: {json.dumps(row)}" for kernel, row in table.items())
        families.append(f"  {json.dumps(family)}: {{\n{rows}\n  }}")
    return "{\n" + ",\n".join(families) + "\n}\n"


def missing():
    found = subprocess.run(["which", "naga"], capture_output=True).returncode == 0
    return None if found and DRIVER.exists() else f"naga and {DRIVER} are needed"


def main():
    if reason := missing():
        raise SystemExit(f"isa: {reason}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if "--from" in sys.argv:
            shutil.copytree(sys.argv[sys.argv.index("--from") + 1], folder, dirs_exist_ok=True)
        else:
            dump(folder)
        translate(folder)
        found = {family: reported(folder, family) for family in FAMILIES}
    golden = HERE / "golden.json"
    if "--write" in sys.argv:
        golden.write_text(written(found))
    known = json.loads(golden.read_text()) if golden.exists() else {}
    for family, table in found.items():
        print(f"\n{family}")
        for kernel, row in table.items():
            before = known.get(family, {}).get(kernel)
            print(f"  {kernel:24} {row}" + ("" if row == before else f"  before: {before}"))
    if found != known:
        raise SystemExit("isa: differs from golden.json")


main()
