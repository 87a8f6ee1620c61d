#!/usr/bin/env python3
"""Measures whole commands of Heirloom and of other tools side by side, and writes what came out into docs/performance.md.

  compare.py run CORPORA --store FOLDER --results FILE [--keep FOLDER] [--rounds 5] [--only media,chatdb] [--tools heirloom,borg] [--steps first,restore]
  compare.py table FILE... [--into docs/performance.md]

CORPORA holds a folder for each corpus; one that changes from day to day holds day0, day1 and so on. --store is where
repositories, caches and restored trees go, 15 GB if media is among them: a tmpfs, so that tools are compared and not the
disk; --keep is another place for what only lies there (some GB). Programs are looked for on the PATH: heirloom with age-keygen, and whichever of bupstash, rustic, borg and restic are there.

A round goes through all tools, beginning with another one each time. For each it makes a repository and measures: first
snapshot, unchanged run, list, restore, check; in round 1 the restored tree is compared with its source. Days are backed up
in round 1 only, and what that makes is kept: each round forgets and prunes a copy of it. Sources are read before, so that
they lie in the page cache. Figures are processor time (of the process and all that it started), wall time and the peak
memory of the largest process, as the kernel and `time` of GNU count them.
"""
import argparse, collections, json, os, platform, re, shutil, statistics, subprocess, sys, tempfile, time

ORDER = ["small", "source", "exports", "chatdb", "media", "million"]
STEPS = ["first", "again", "days", "list", "restore", "check", "forget"]

# {repo}, {work}: folders; {src}: what is backed up; {dest}: an empty folder; {n}: number of the backup; {id}: what the last one printed.
TOOLS = {
    "heirloom": dict(
        version="heirloom version",
        env={"HEIRLOOM_REPOSITORY": "{repo}", "HEIRLOOM_IDENTITY_FILE": "{work}/identity", "HEIRLOOM_CACHE_DIR": "{work}/cache"},
        init="age-keygen -o {work}/identity 2>/dev/null && HEIRLOOM_IDENTITY_FILE= heirloom init --recovery-key none --recipient $(age-keygen -y {work}/identity)",
        backup="heirloom snapshot -q {src}",
        list="heirloom snapshots",
        restore="heirloom restore -q latest --target {dest}",
        check="heirloom check -q --read-data",
        forget=["heirloom forget -q --keep-last 1 --max-drop 100% --prune"],
        # What it leaves unneeded by default, because that costs more to reclaim than it takes.
        reclaim="heirloom prune -q --max-unused 0",
    ),
    "bupstash": dict(
        version="bupstash --version",
        env={"BUPSTASH_REPOSITORY": "{repo}", "BUPSTASH_KEY": "{work}/key"},
        init="bupstash new-key -o {work}/key && bupstash init",
        backup="bupstash put -q --compression zstd:3 --send-log {work}/sendlog name=bench {src}",
        list="bupstash list",
        restore="bupstash restore -q --into {dest} id={id}", restored="{dest}",
        # It has no check of a repository.
        forget=["bupstash rm -q --allow-many name=bench and ~id={id}", "bupstash gc -q"],
    ),
    "rustic": dict(
        version="rustic --version",
        env={"RUSTIC_PASSWORD": "bench", "RUSTIC_REPOSITORY": "{repo}", "RUSTIC_CACHE_DIR": "{work}/cache", "RUSTIC_NO_PROGRESS": "true", "RUSTIC_LOG_LEVEL": "warn"},
        init="rustic init",
        backup="rustic backup {src}",
        list="rustic snapshots",
        restore="rustic restore latest:{src} {dest}", restored="{dest}",
        check="rustic check --read-data",
        forget=["rustic forget --keep-last 1 --prune --max-unused 0B --max-repack unlimited --instant-delete"],
    ),
    "borg": dict(
        version="borg --version",
        env={"BORG_PASSPHRASE": "bench", "BORG_BASE_DIR": "{work}/borg", "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"},
        init="borg init -e repokey-blake2 {repo}",
        backup="borg create -C auto,zstd,3 {repo}::a{n} {src}",
        list="borg list {repo}",
        restore="cd {dest} && exec borg extract {repo}::a{n}",
        check="borg check --verify-data {repo}",
        forget=["borg prune --keep-last 1 {repo}", "borg compact --threshold 0 {repo}"],
    ),
    "restic": dict(
        version="restic version",
        env={"RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": "{repo}", "RESTIC_CACHE_DIR": "{work}/cache"},
        init="restic init --repository-version 2",
        backup="restic backup -q --compression auto {src}",
        list="restic snapshots -q",
        restore="restic restore -q latest --target {dest}",
        check="restic check -q --read-data",
        forget=["restic forget -q --keep-last 1 --prune --max-unused 0"],
    ),
}

# What is asked of Heirloom: corpus, step, figure, at most so many times the best of the others.
TARGETS = [
    ("media", "first", "user", 0.7), ("media", "first", "wall", 0.85),
    ("chatdb", "first", "cpu", 0.9), ("chatdb", "first", "wall", 0.8),
    ("source", "first", "cpu", 0.8), ("source", "first", "wall", 0.6),
    ("small", "first", "cpu", 0.8), ("small", "first", "wall", 0.8),
    ("million", "first", "cpu", 0.8),
    ("small", "again", "cpu", 0.6), ("source", "again", "cpu", 0.6), ("million", "again", "cpu", 0.6),
    ("media", "restore", "user", 0.8), ("media", "restore", "wall", 0.75),
    ("source", "restore", "cpu", 0.8), ("source", "restore", "wall", 0.75),
    ("small", "restore", "cpu", 0.8), ("small", "restore", "wall", 0.75),
    ("chatdb", "restore", "cpu", 0.8), ("chatdb", "restore", "wall", 0.75),
    ("media", "check", "user", 0.6), ("chatdb", "check", "cpu", 0.6), ("small", "check", "cpu", 0.6),
]
# Of borg, because bupstash stores a file for each chunk, and the others are slower.
PRUNE_TARGETS = [("chatdb", "forget", "cpu", 0.8), ("exports", "forget", "cpu", 0.8)]
DAILY_TARGET, SIZE_TARGET, FIND_TARGET, MEMORY_TARGET = 0.04, 1.01, 1.5, 200


def measured(commands, values, env, log):
    """Runs shell commands one after the other; their figures together, and the last line that they printed."""
    total, last = dict(wall=0.0, user=0.0, sys=0.0, kib=0), ""
    for command in [commands] if isinstance(commands, str) else commands:
        command = command.format(**values)
        if "&&" not in command and "$" not in command:
            command = "exec " + command
        with tempfile.NamedTemporaryFile("r") as peak, tempfile.TemporaryFile() as out:
            begun = time.monotonic()
            child = subprocess.Popen(["time", "-f", "%M", "-o", peak.name, "sh", "-c", command], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(child.pid, 0)
            total["wall"] += time.monotonic() - begun
            child.returncode = os.waitstatus_to_exitcode(status)
            total["user"] += usage.ru_utime
            total["sys"] += usage.ru_stime
            total["kib"] = max(total["kib"], int(peak.read().split()[-1]))
            out.seek(0)
            text = out.read().decode(errors="replace")
        log.write(f"$ {command}\n{text}\n")
        log.flush()
        if child.returncode:
            raise RuntimeError(f"{command}: exit code {child.returncode}: {text[-400:]}")
        last = text.strip().splitlines()[-1].strip() if text.strip() else ""
    total["cpu"] = total["user"] + total["sys"]
    return total, last


def tree_bytes(folder):
    sizes = [os.lstat(os.path.join(at, name)).st_size for at, _, names in os.walk(folder) for name in names]
    return sum(sizes), len(sizes)


def warm(folder):
    subprocess.run(f"find '{folder}' -type f -print0 | xargs -0 cat > /dev/null", shell=True, check=True)


def version(tool):
    said = subprocess.run(["sh", "-c", TOOLS[tool]["version"]], capture_output=True, text=True, check=True)
    return re.search(r"\d+\.\d+(\.\d+)?", said.stdout + said.stderr).group()


class Cycle:
    """One tool on one corpus."""

    def __init__(self, tool, corpus, options):
        self.tool, self.corpus, self.options = TOOLS[tool], corpus, options
        self.name, self.base = tool, os.path.join(options.store, "run")
        self.kept = os.path.join(options.keep or options.store, f"kept-{corpus}-{tool}")
        self.folder = os.path.join(options.corpora, corpus)
        self.days = [day for day in (os.path.join(self.folder, f"day{n}") for n in range(100)) if os.path.isdir(day)]
        # Every day has to be seen under the same path.
        self.src = os.path.join(options.store, "live", corpus) if self.days else self.folder
        self.values = dict(repo=self.base + "/repo", work=self.base + "/work", dest=self.base + "/dest", src=self.src, n=0, id="")
        self.env = dict(os.environ, HOME=self.values["work"], XDG_CACHE_HOME=self.values["work"] + "/cache")
        self.env.update({key: value.format(**self.values) for key, value in self.tool["env"].items()})
        self.before = 0

    def step(self, step, command, round_, **more):
        figures, last = measured(self.tool[command], self.values, self.env, self.options.log)
        size, files = tree_bytes(self.values["repo"])
        row = dict(tool=self.name, corpus=self.corpus, step=step, round=round_, bytes=size, files=files, added=size - self.before, **figures, **more)
        self.before = size
        self.options.rows.write(json.dumps(row) + "\n")
        self.options.rows.flush()
        return last

    def day(self, number):
        if self.days:
            shutil.rmtree(self.src, ignore_errors=True)
            shutil.copytree(self.days[number], self.src)
            # What was written in the seconds before a snapshot may be read again by the next one, and is by Heirloom.
            time.sleep(2.5)

    def compare(self):
        back = self.tool.get("restored", "{dest}{src}").format(**self.values)
        subprocess.run(["diff", "-rq", "--no-dereference", self.src, back], check=True)

    def run(self, round_):
        steps, values = self.options.steps, self.values
        shutil.rmtree(self.base, ignore_errors=True)
        os.makedirs(values["work"])
        self.day(0)
        warm(self.src)
        measured(self.tool["init"], values, self.env, self.options.log)
        values["id"] = self.step("first", "backup", round_, source=tree_bytes(self.src)[0])
        if "again" in steps:
            values["n"] += 1
            values["id"] = self.step("again", "backup", round_)
        if "list" in steps:
            self.step("list", "list", round_)
        if "restore" in steps:
            os.makedirs(values["dest"])
            self.step("restore", "restore", round_)
            if round_ == 1:
                self.compare()
            shutil.rmtree(values["dest"])
        if "check" in steps and "check" in self.tool:
            self.step("check", "check", round_)
        if self.days and "days" in steps:
            self.history(round_)

    def history(self, round_):
        values, kept = self.values, self.kept
        if not os.path.exists(kept):
            for number in range(1, len(self.days)):
                self.day(number)
                values["n"] += 1
                values["id"] = self.step(f"day{number}", "backup", round_)
            shutil.copytree(self.base, kept, symlinks=True)
            with open(kept + "/values", "w") as file:
                json.dump(values, file)
        else:
            shutil.rmtree(self.base)
            shutil.copytree(kept, self.base, symlinks=True)
            with open(kept + "/values") as file:
                values.update(json.load(file))
        if "forget" not in self.options.steps:
            return
        self.step("forget", "forget", round_)
        if "reclaim" in self.tool:
            self.step("reclaim", "reclaim", round_)
        if round_ == 1:
            self.day(len(self.days) - 1)
            os.makedirs(values["dest"])
            measured(self.tool["restore"], values, self.env, self.options.log)
            self.compare()

    def end(self):
        shutil.rmtree(self.base, ignore_errors=True)


def run(options):
    options.steps = options.steps.split(",")
    tools = [tool for tool in (options.tools.split(",") if options.tools else TOOLS) if shutil.which(tool)]
    corpora = [name for name in ORDER if os.path.isdir(os.path.join(options.corpora, name)) and name in (options.only or ",".join(ORDER)).split(",")]
    options.corpora, options.store = os.path.realpath(options.corpora), os.path.realpath(options.store)
    os.makedirs(options.store, exist_ok=True)
    with open(options.results, "a") as options.rows, open(options.results + ".log", "a") as options.log:
        machine = dict(step="machine", versions={tool: version(tool) for tool in tools}, cores=os.cpu_count(), kernel=platform.release(), date=time.strftime("%-d %B %Y"))
        options.rows.write(json.dumps(machine) + "\n")
        for corpus in corpora:
            for round_ in range(1, options.rounds + 1):
                begin = (round_ - 1) % len(tools)
                for tool in tools[begin:] + tools[:begin]:
                    cycle = Cycle(tool, corpus, options)
                    begun = time.monotonic()
                    try:
                        cycle.run(round_)
                    except (RuntimeError, subprocess.CalledProcessError) as error:
                        print(f"{corpus} {tool}: {error}", file=sys.stderr)
                    finally:
                        cycle.end()
                    print(f"{corpus} {round_} {tool} {time.monotonic() - begun:.0f} s", flush=True)
                # The floor of an unchanged run: one question to the kernel for each entry.
                figures, _ = measured(f"find {os.path.join(options.corpora, corpus)} -printf '%s %T@ %C@ %i\\n' > /dev/null", {}, dict(os.environ), options.log)
                options.rows.write(json.dumps(dict(tool="find", corpus=corpus, step="again", round=round_, **figures)) + "\n")
            for tool in tools:
                shutil.rmtree(Cycle(tool, corpus, options).kept, ignore_errors=True)
        shutil.rmtree(os.path.join(options.store, "live"), ignore_errors=True)


def medians(files):
    """Of each figure, by corpus, step and tool; and what is known about the machine."""
    machine, rows = {}, collections.defaultdict(list)
    for name in files:
        with open(name) as file:
            for row in map(json.loads, file):
                if row["step"] == "machine":
                    machine = dict(row, versions=machine.get("versions", {}) | row["versions"])
                else:
                    rows[row["corpus"], row["step"], row["tool"]].append(row)
    figures = ["cpu", "user", "wall", "kib", "bytes", "added", "source"]
    table = {key: {figure: statistics.median(row[figure] for row in group) for figure in figures if figure in group[0]} | {"runs": len(group)} for key, group in rows.items()}
    return machine, table


def digits(value):
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def lines(machine, table):
    tools = [tool for tool in TOOLS if tool in machine["versions"]]
    corpora = [name for name in ORDER if any(key[0] == name for key in table)]
    others = [tool for tool in tools if tool != "heirloom"]
    get = lambda corpus, step, tool, figure: table.get((corpus, step, tool), {}).get(figure)
    versions = ", ".join(f"{tool} {machine['versions'][tool]}" for tool in tools)
    runs = sorted({entry["runs"] for (corpus, step, tool), entry in table.items() if not step.startswith("day")})
    yield f"Measured on {machine['date']}, {machine['cores']} cores, Linux {machine['kernel']}: {versions}; medians of {' or '.join(map(str, runs))} runs in turn (days: one run)."
    yield ""
    yield "Processor seconds / wall seconds / peak memory in MiB; of media, the processor seconds of the program itself (user)."
    yield ""
    yield "| corpus | step | " + " | ".join(tools) + " |"
    yield "|---|---|" + "---:|" * len(tools)
    for corpus in corpora:
        cpu = "user" if corpus == "media" else "cpu"
        days = sorted({key[1] for key in table if key[0] == corpus and key[1].startswith("day")})
        for step in ["first", "again", "days", "list", "restore", "check", "forget", "reclaim"]:
            cells = []
            for tool in tools:
                if step == "days":
                    found = [table[corpus, day, tool] for day in days if (corpus, day, tool) in table]
                    one = {figure: statistics.mean(day[figure] for day in found) for figure in [cpu, "wall", "kib"]} if found else None
                else:
                    one = table.get((corpus, step, tool))
                cells.append(f"{digits(one[cpu])} / {digits(one['wall'])} / {one['kib'] / 1024:.0f}" if one else "")
            if any(cells):
                yield f"| {corpus} | {step} | " + " | ".join(cells) + " |"
    yield ""
    yield "What the repository takes, MB (10^6 bytes, all its files)."
    yield ""
    yield "| corpus | | " + " | ".join(tools) + " |"
    yield "|---|---|" + "---:|" * len(tools)
    for corpus in corpora:
        yield f"| {corpus} | first | " + " | ".join(f"{get(corpus, 'first', tool, 'bytes') / 1e6:.1f}" if get(corpus, "first", tool, "bytes") else "" for tool in tools) + " |"
        yield f"| | again, KB | " + " | ".join(f"{get(corpus, 'again', tool, 'added') / 1e3:.1f}" if get(corpus, "again", tool, "added") is not None else "" for tool in tools) + " |"
        days = sorted({key[1] for key in table if key[0] == corpus and key[1].startswith("day")})
        if days:
            yield f"| | each day | " + " | ".join(" ".join(f"{get(corpus, day, tool, 'added') / 1e6:.1f}" for day in days if get(corpus, day, tool, "added") is not None) for tool in tools) + " |"
            for step, name in [("forget", "forgotten and pruned"), ("reclaim", "to the last byte")]:
                yield f"| | {name} | " + " | ".join(f"{get(corpus, step, tool, 'bytes') / 1e6:.1f}" if get(corpus, step, tool, "bytes") else "" for tool in tools) + " |"
    yield ""
    yield "Against the best of the others; a line in bold misses what was aimed at."
    yield ""
    yield "| corpus | step | figure | Heirloom | best other | ratio | at most |"
    yield "|---|---|---|---:|---:|---:|---:|"
    for cells, ratio, limit in verdicts(table, get, others, corpora):
        row = list(cells) + [f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}", f"{limit:g}"]
        yield "| " + " | ".join(f"**{cell}**" if ratio > limit else cell for cell in row) + " |"


def verdicts(table, get, others, corpora):
    def best(corpus, step, figure, tools=others):
        found = [(get(corpus, step, tool, figure), tool) for tool in tools if get(corpus, step, tool, figure) is not None]
        return min(found) if found else (None, None)

    def verdict(corpus, step, figure, limit, tools=others, show=digits, unit=" s"):
        ours, (theirs, tool) = get(corpus, step, "heirloom", figure), best(corpus, step, figure, tools)
        if ours is not None and theirs:
            yield [corpus, step, figure, show(ours) + unit, f"{show(theirs)}{unit} ({tool})"], ours / theirs, limit

    megabytes = lambda value: f"{value / 1e6:.1f}"
    for corpus, step, figure, limit in TARGETS:
        yield from verdict(corpus, step, figure, limit)
    for corpus in corpora:
        if get(corpus, "again", "find", "cpu") and corpus in ("small", "source", "million"):
            yield from verdict(corpus, "again", "cpu", FIND_TARGET, ["find"])
    for corpus, step, figure, limit in PRUNE_TARGETS:
        yield from verdict(corpus, step, figure, limit, ["borg"])
    for corpus in corpora:
        yield from verdict(corpus, "first", "bytes", SIZE_TARGET, show=megabytes, unit=" MB")
        yield from verdict(corpus, "forget", "bytes", SIZE_TARGET, show=megabytes, unit=" MB")
    daily = [[get("chatdb", f"day{n}", tool, "added") for n in range(1, 100) if get("chatdb", f"day{n}", tool, "added")] for tool in ["heirloom"] + others]
    if all(daily) and len(daily) > 1:
        ours, theirs = statistics.median(daily[0]), min(statistics.median(days) for days in daily[1:])
        yield ["chatdb", "a day, median", "bytes", megabytes(ours) + " MB", megabytes(theirs) + " MB"], ours / theirs, DAILY_TARGET
    peak, corpus, step = max((entry["kib"] / 1024, corpus, step) for (corpus, step, tool), entry in table.items() if tool == "heirloom")
    yield [corpus, step, "peak memory, the highest of all", f"{peak:.0f} MiB", f"{MEMORY_TARGET} MB"], peak * 1.048576 / MEMORY_TARGET, 1


def write_table(options):
    text = "\n".join(lines(*medians(options.files)))
    if not options.into:
        print(text)
        return
    with open(options.into) as file:
        page = file.read()
    begin, end = "<!-- compare: begin -->\n", "<!-- compare: end -->"
    before, found, rest = page.partition(begin)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        sys.exit(f"{options.into} has no place between {begin.strip()} and {end}")
    with open(options.into, "w") as file:
        file.write(f"{before}{begin}{text}\n{end}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run")
    running.add_argument("corpora")
    running.add_argument("--store", required=True)
    running.add_argument("--keep")
    running.add_argument("--results", required=True)
    running.add_argument("--rounds", type=int, default=5)
    running.add_argument("--only")
    running.add_argument("--tools")
    running.add_argument("--steps", default=",".join(STEPS))
    running.set_defaults(run=run)
    table = commands.add_parser("table")
    table.add_argument("files", nargs="+")
    table.add_argument("--into")
    table.set_defaults(run=write_table)
    options = parser.parse_args()
    options.run(options)


main()
