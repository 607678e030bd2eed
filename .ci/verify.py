#!/usr/bin/env python3
"""House rules that neither the compiler nor clippy knows. Exit code 1 when one is broken.

Licences, duplicate versions and banned crates are read from `cargo metadata` and judged by deny.toml
(with cargo-deny, where it is installed, as a second opinion). `FORBIDDEN_WORDS`, a comma-separated
list in the environment, adds words that must stand nowhere in the tree.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = "x86_64-unknown-linux-gnu"
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
SOURCES = {".rs", ".py", ".ts", ".tsx"}
TEXTS = SOURCES | {".md", ".toml", ".yaml", ".yml", ".sh", ".sql", ".css", ".html", ""}
# Names that say nothing (ARCHITECTURE.md, Names).
EMPTY_NAMES = {"util", "utils", "common", "manager", "helper", "helpers", "misc"}
# What must not stand in any text: a pattern, and what to do about it.
FORBIDDEN = (
    (r"(?<![\w.:/~-])/(?:home|root|work|mnt|Users)/\w", "a path of one machine: make it relative"),
    (r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b", "unfinished: finish it or open an issue"),
    (r"-----BEGIN (?:\w+ )*PRIVATE KEY-----", "a private key: take it out and revoke it"),
    (r"^(?:<{7}|>{7}) ", "a merge conflict"),
)


def command(*arguments):
    """What a command prints; it must succeed."""
    return subprocess.run(
        arguments, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def tracked_files():
    """Every file of the project, without what git ignores."""
    listed = command("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    return sorted(path for path in listed.split("\0") if path and (ROOT / path).is_file())


# --- dependencies --------------------------------------------------------------------------------


def licence_allowed(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either():
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            value = both() or value
        return value

    def both():
        value = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value = one() and value
        return value

    def one():
        if tokens[0] == "(":
            tokens.pop(0)
            value = either()
            tokens.pop(0)
            return value
        name = tokens.pop(0)
        if tokens and tokens[0] == "WITH":
            name = f"{name} {tokens.pop(0)} {tokens.pop(0)}"
        return name in allowed

    return either()


def check_licences(packages, rules):
    allowed = set(rules["licenses"]["allow"])
    for package in packages:
        licence = package["license"]
        if package["source"] is None:
            if licence != "Apache-2.0":
                yield f"{package['name']}: our own crates are Apache-2.0, not {licence}"
        elif not licence:
            yield f"{package['name']} {package['version']}: states no licence"
        elif not licence_allowed(licence, allowed):
            yield f"{package['name']} {package['version']}: {licence} is not in deny.toml"


def check_versions(packages, rules):
    """One version a crate, unless deny.toml says why not; none of the banned."""
    skip = {entry["crate"].split("@")[0] for entry in rules["bans"].get("skip", [])}
    banned = {entry["crate"]: entry["reason"] for entry in rules["bans"].get("deny", [])}
    versions = defaultdict(set)
    for package in packages:
        versions[package["name"]].add(package["version"])
    for name, found in sorted(versions.items()):
        if len(found) > 1 and name not in skip:
            yield f"{name}: {len(found)} versions ({', '.join(sorted(found))})"
        if name in banned:
            yield f"{name}: banned ({banned[name]})"
    for name in sorted(skip):
        if len(versions[name]) < 2:
            yield f"{name}: has one version again, take it off `skip` in deny.toml"


def check_unused(packages, files):
    """A dependency whose name stands in no source of its crate."""
    for package in packages:
        if package["source"] is not None:
            continue
        folder = Path(package["manifest_path"]).parent.relative_to(ROOT).as_posix() + "/"
        code = "\n".join(read(path) for path in files if path.startswith(folder) and path.endswith(".rs"))
        for dependency in package["dependencies"]:
            name = (dependency["rename"] or dependency["name"]).replace("-", "_")
            if not re.search(rf"\b{name}\b", code):
                yield f"{folder}Cargo.toml: {dependency['name']} is not used"


def check_with_cargo_deny(*_):
    """The same judgement by cargo-deny, without the advisories (they need a network)."""
    if shutil.which("cargo-deny"):
        checks = ("licenses", "bans", "sources")
        done = subprocess.run(["cargo", "deny", "check", *checks], cwd=ROOT, check=False)
        if done.returncode:
            yield "cargo-deny found problems, see above"


# --- texts ---------------------------------------------------------------------------------------


def check_names(files):
    for path in files:
        for part in Path(path).parts:
            if Path(part).stem in EMPTY_NAMES:
                yield f"{path}: {part} says nothing; name it after what it is for"


def check_module_docs(files):
    for path in files:
        if path.startswith("crates/") and "/src/" in path and path.endswith(".rs"):
            if not read(path).startswith("//!"):
                yield f"{path}: begins without a `//!` that says what it is for"


def check_words(files):
    words = [word.strip() for word in os.environ.get("FORBIDDEN_WORDS", "").split(",")]
    extra = [(rf"(?i)\b{re.escape(word)}\b", f"the word {word}") for word in words if word]
    patterns = [(re.compile(pattern), why) for pattern, why in (*FORBIDDEN, *extra)]
    for path in files:
        if Path(path).suffix in TEXTS and Path(path).name != "package-lock.json":
            for number, line in enumerate(read(path).splitlines(), 1):
                for pattern, why in patterns:
                    if pattern.search(line):
                        yield f"{path}:{number}: {why}"


def long_functions(path):
    """Rust functions above the limit: (line, name, length), by the indentation rustfmt gives."""
    began = None
    for number, line in enumerate(read(path).splitlines(), 1):
        start = re.match(r"(\s*)(?:pub(?:\([^)]*\))? )?(?:const |async |unsafe )*fn (\w+)", line)
        if start and not line.rstrip().endswith(";"):
            began = (number, start[2], start[1])
        elif began and line == began[2] + "}":
            if number - began[0] + 1 > FUNCTION_LINES_MAX:
                yield began[0], began[1], number - began[0] + 1
            began = None


def list_sizes(files):
    """What is long; a list to think about, not an error (clippy fails on long functions)."""
    for path in files:
        if Path(path).suffix in SOURCES:
            lines = len(read(path).splitlines())
            if lines > FILE_LINES_MAX:
                yield f"{path}: {lines} lines"
        if path.endswith(".rs"):
            for number, name, length in long_functions(path):
                yield f"{path}:{number}: fn {name} has {length} lines"


def report(title, problems, is_error=True):
    problems = list(problems)
    print(f"{'ok  ' if not problems else 'FAIL' if is_error else 'note'} {title}")
    for problem in problems:
        print(f"       {problem}")
    return len(problems) if is_error else 0


def main():
    rules = tomllib.loads(read("deny.toml"))
    metadata = command(
        "cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET
    )
    metadata = json.loads(metadata)
    resolved = {node["id"] for node in metadata["resolve"]["nodes"]}
    packages = [package for package in metadata["packages"] if package["id"] in resolved]
    files = tracked_files()
    failed = sum(
        (
            report(f"licences of {len(packages)} crates", check_licences(packages, rules)),
            report("one version a crate, none banned", check_versions(packages, rules)),
            report("every dependency is used", check_unused(packages, files)),
            report("cargo-deny, if installed", check_with_cargo_deny()),
            report("names that say something", check_names(files)),
            report("every module says what it is for", check_module_docs(files)),
            report("no machine paths, loose ends or forbidden words", check_words(files)),
            report("short files and functions", list_sizes(files), is_error=False),
        )
    )
    if failed:
        sys.exit(f"verify: {failed} problems")


if __name__ == "__main__":
    main()
