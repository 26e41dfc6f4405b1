"""Source files: one document each, with the `language` it is written in and its `path`."""

from __future__ import annotations

from pipeline.data.pages import read_text

LANGUAGES = {
    ".bash": "Shell", ".c": "C", ".cc": "C++", ".clj": "Clojure", ".cpp": "C++", ".cs": "C#", ".css": "CSS",
    ".dart": "Dart", ".ex": "Elixir", ".exs": "Elixir", ".f90": "Fortran", ".go": "Go", ".h": "C", ".hpp": "C++",
    ".hs": "Haskell", ".java": "Java", ".jl": "Julia", ".js": "JavaScript", ".jsx": "JavaScript", ".kt": "Kotlin",
    ".lua": "Lua", ".m": "Objective-C", ".ml": "OCaml", ".php": "PHP", ".pl": "Perl", ".py": "Python", ".r": "R",
    ".rb": "Ruby", ".rs": "Rust", ".scala": "Scala", ".sh": "Shell", ".sql": "SQL", ".swift": "Swift", ".tex": "TeX",
    ".ts": "TypeScript", ".tsx": "TypeScript", ".zig": "Zig",
}  # fmt: skip
"""The languages that are known by a file's ending, under the names that GitHub's Linguist gives them."""

read_code = read_text
