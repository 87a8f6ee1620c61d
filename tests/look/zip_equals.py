"""Compares a zip file with the folder that it was made of: names, bytes, targets of links, modes, times."""

import os
import stat
import sys
import zipfile

archive, root = sys.argv[1], os.fsencode(sys.argv[2])
expected = {}
for folder, folders, files in os.walk(root):
    for name in folders + files:
        path = os.path.join(folder, name)
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode):
            expected[os.path.relpath(path, root)] = mode

wrong = []
with zipfile.ZipFile(archive) as zipped:
    for info in zipped.infolist():
        name = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
        mode = expected.pop(name.rstrip(b"/"), None)
        if mode is None:
            wrong.append(("not there", name))
            continue
        path = os.path.join(root, name)
        found = info.external_attr >> 16
        if stat.S_ISLNK(mode):
            content = os.readlink(path)
            mode = found if stat.S_ISLNK(found) else mode
        elif stat.S_ISDIR(mode):
            content = b""
        else:
            with open(path, "rb") as file:
                content = file.read()
        if zipped.read(info) != content:
            wrong.append(("content", name))
        if found != mode:
            wrong.append(("mode", name, oct(found), oct(mode)))

# A folder whose name is no text follows from what is in it.
for name, mode in expected.items():
    try:
        name.decode()
        wrong.append(("missing", name))
    except UnicodeDecodeError:
        if not stat.S_ISDIR(mode):
            wrong.append(("missing", name))
print(wrong)
sys.exit(1 if wrong else 0)
