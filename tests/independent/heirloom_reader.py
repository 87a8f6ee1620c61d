#!/usr/bin/env python3
"""Restores a Heirloom repository. Written from docs/format.md alone; shares no code with the engine.

    heirloom_reader.py REPOSITORY --identity FILE | --password-file FILE [--use-index] [--snapshot ID]
                       [--target DIR | --manifest]
    heirloom_reader.py --check-vectors docs/format-vectors.md

Without --target and --manifest it only lists the snapshots. The blobs are found by the trailers of the packs,
or, with --use-index, by the index. A password file holds the passphrase and perhaps one line feed.

--target DIR   restores into DIR, which must be empty or absent: the path /home/me becomes DIR/home/me
--manifest     prints the snapshot as JSON and writes nothing

The manifest is {"entries": {PATH: ENTRY}, "hardlinks": [[PATH, ...], ...]}, sorted. A PATH has no leading slash; a
backslash in it is doubled, a byte that is not UTF-8 is \\xNN. An ENTRY has kind, mode, uid, gid, mtime_ns; files also
size and blake3 (of the whole content, holes read as zeros), and holes ([[offset, bytes], ...]) if any, and transform
(its name) if something else is stored: that is verified, but only whoever has this name can make the file; symbolic links
target; devices rdev; xattrs {NAME: value in hexadecimal} if any. A link group lists two or more paths of one file.

The program is strict: whatever format.md promises and it can see, it checks. Everything except --manifest ends with
one line of JSON on the standard output. Errors go to the standard error, with exit code 1.
"""
import argparse, json, os, stat, sys

from blake3 import blake3

from age_reader import Credential, check
from heirloom_format import (
    BLOCK, CHARACTER, FIFO, FILE, FOLDER, KINDS, MIB, SOCKET, SYMLINK, Repository, entries, printable)
from vectors import check_vectors


def manifest(repository, record, totals):
    found, groups = {}, {}
    for key, entry in entries(repository, record):
        path, xattrs = printable(key), entry.xattrs(repository)
        item = found[path] = {"kind": KINDS[entry.kind], "mode": f"{entry.mode:04o}", "mtime_ns": entry.mtime_ns,
                              "uid": entry.uid, "gid": entry.gid}
        if entry.kind == FILE:
            item["size"], item["blake3"] = entry.size, logical_hash(repository, entry)
            if entry.transform:
                item["transform"] = entry.transform.name
        if entry.kind == SYMLINK:
            item["target"] = printable(entry.target)
        if entry.kind in (CHARACTER, BLOCK):
            item["rdev"] = list(entry.rdev)
        if xattrs:
            item["xattrs"] = {printable(name): value.hex() for name, value in xattrs.items()}
        if entry.holes:
            item["holes"] = [list(hole) for hole in entry.holes]
        if entry.link_group():
            groups.setdefault(entry.link_group(), []).append(path)
        totals["entries"] += 1
    return {"entries": found, "hardlinks": sorted(sorted(paths) for paths in groups.values() if len(paths) > 1)}


def logical_hash(repository, entry):
    """hash of what a program reads from the file: the holes are zeros. With a transform it is the one that the entry states."""
    if entry.transform:
        entry.verify_stored(repository)
        return entry.fields[20].hex()
    whole, at, zeros = blake3(), 0, bytes(MIB)
    for offset, data in entry.pieces(repository):
        while at < offset:
            whole.update(zeros[: offset - at])
            at += len(zeros[: offset - at])
        whole.update(data)
        at += len(data)
    while at < entry.size:
        whole.update(zeros[: entry.size - at])
        at += len(zeros[: entry.size - at])
    return whole.hexdigest()


def restore(repository, record, target, totals):
    os.makedirs(target, exist_ok=True)
    check(not os.listdir(target), f"{target}: not empty")
    # Everything is created below folders that this run created itself, so no symbolic link is ever followed.
    made, metadata, groups, not_made = {b"": target}, [], {}, []
    for key, entry in entries(repository, record):
        parts = key.split(b"\0")
        for depth in range(1, len(parts)):
            ancestor = b"\0".join(parts[:depth])
            if ancestor not in made:
                made[ancestor] = os.path.join(target, *parts[:depth])
                os.mkdir(made[ancestor])
        path = os.path.join(target, *parts)
        totals["entries"] += 1
        totals[KINDS[entry.kind]] = totals.get(KINDS[entry.kind], 0) + 1
        group = entry.link_group()
        if group in groups:
            os.link(groups[group], path, follow_symlinks=False)
            totals["hardlinks"] = totals.get("hardlinks", 0) + 1
            continue
        if entry.transform:
            entry.verify_stored(repository)
            not_made.append(f"{printable(key)} ({entry.transform.name})")
            continue
        if entry.kind == FOLDER:
            if key not in made:
                os.mkdir(path)
                made[key] = path
            metadata.append((path, entry))
        elif create(repository, entry, path, totals):
            apply_metadata(repository, entry, path)
            if group:
                groups[group] = path
    for path, entry in reversed(metadata):
        apply_metadata(repository, entry, path)
    check(not not_made, f"verified, but not restored, because that takes their recipes: {', '.join(not_made)}")


def create(repository, entry, path, totals):
    if entry.kind == FILE:
        with open(path, "xb") as file:
            for offset, data in entry.pieces(repository):
                file.seek(offset)
                file.write(data)
                totals["bytes"] += len(data)
            file.truncate(entry.size)
    elif entry.kind == SYMLINK:
        os.symlink(entry.target, path)
    elif entry.kind == FIFO:
        os.mkfifo(path)
    elif entry.kind == SOCKET:
        os.mknod(path, stat.S_IFSOCK)
    elif os.geteuid() == 0:
        os.mknod(path, stat.S_IFCHR if entry.kind == CHARACTER else stat.S_IFBLK, os.makedev(*entry.rdev))
    else:
        totals["skipped"] = totals.get("skipped", 0) + 1
        return False
    return True


def apply_metadata(repository, entry, path):
    """The owner comes first: changing it clears set-id bits and capabilities. Ids are used, names are not."""
    if os.geteuid() == 0:
        os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    for name, value in entry.xattrs(repository).items():
        try:
            os.setxattr(path, name, value, follow_symlinks=False)
        except PermissionError:
            check(os.geteuid() != 0, f"{entry.what}: attribute {name} refused")  # only root may set trusted.*
    if entry.kind != SYMLINK:
        os.chmod(path, entry.mode)
    os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)


def listed(session, record):
    return {"id": session, "time": record["time"], "host": record["host"], "label": record.get("label"),
            "tags": record["tags"], "paths": [printable(path) for path in record["paths"]],
            "entries": record["stats"]["entries"]}


def run(options):
    if options.check_vectors:
        return check_vectors(options.check_vectors)
    if options.identity:
        with open(options.identity, encoding="utf-8") as file:
            credential = Credential(identities=file.read())
    else:
        with open(options.password_file, "rb") as file:
            credential = Credential(passphrase=file.read().removesuffix(b"\n"))
    repository = Repository(options.repository)
    slot = repository.unlock(credential)
    small = repository.check_small_objects()
    snapshots = repository.snapshots()
    summary = {"repository": repository.id.hex(), "slot": slot.removeprefix("keys/"), "small_objects": small,
               "snapshots": [listed(*snapshot) for snapshot in snapshots]}
    if not options.target and not options.manifest:
        return summary
    found = [snapshot for snapshot in snapshots if snapshot[0].startswith(options.snapshot)]
    check(found, "no such snapshot")
    check(not options.snapshot or len(found) == 1, "several snapshots begin like this")
    session, record = found[-1]
    indexed = repository.load(options.use_index)
    totals = {"snapshot": session, "entries": 0, "bytes": 0, "packs": len(repository.packs), "indexed_packs": indexed}
    if options.manifest:
        json.dump(manifest(repository, record, totals), sys.stdout, indent=1, sort_keys=True)
        print()
        return None
    restore(repository, record, os.fsencode(options.target), totals)
    return summary | {key.replace(" ", "_"): value for key, value in totals.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", nargs="?")
    parser.add_argument("--identity", metavar="FILE")
    parser.add_argument("--password-file", metavar="FILE")
    parser.add_argument("--snapshot", metavar="ID", default="")
    parser.add_argument("--target", metavar="DIR")
    for flag in ("--use-index", "--manifest"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--check-vectors", metavar="FILE")
    options = parser.parse_args()
    if not options.check_vectors and not (options.repository and (options.identity or options.password_file)):
        parser.error("needs a repository and a credential")
    try:
        summary = run(options)
    except (ValueError, LookupError, OSError) as error:
        sys.exit(f"heirloom_reader: {error!r}" if isinstance(error, LookupError) else f"heirloom_reader: {error}")
    if summary:
        print(json.dumps(summary))


if __name__ == "__main__":
    main()
