"""One HTML file that needs nothing else: tables, pictures inside, readable on a phone."""
from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from deocc_aug.benchmarks.statistics import Estimate

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; }
h1 { font-size: 1.4rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2rem; border-top: 1px solid #d5d9de; padding-top: 1rem; }
.verdict { background: #eef4ff; border-left: 4px solid #3267d6; padding: .75rem 1rem; font-size: 1.05rem; overflow-wrap: anywhere; }
.note { color: #57606a; font-size: .9rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #e3e6ea; white-space: nowrap; vertical-align: top; }
th { white-space: normal; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; white-space: normal; min-width: 6rem; }
td small { display: block; color: #57606a; } img { max-width: 100%; height: auto; } figure { margin: 1rem 0; }
figcaption { font-size: .9rem; color: #57606a; overflow-wrap: anywhere; }
pre { overflow-x: auto; font-size: .8rem; background: #f6f8fa; padding: .75rem; }
.plots { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); }
"""


@dataclass(frozen=True)
class Picture:
    """A picture with its words: `kind` is its MIME type."""

    caption: str
    content: bytes
    kind: str


@dataclass(frozen=True)
class Section:
    """A part of the page: a note, tables with their titles, pictures."""

    title: str
    note: str = ""
    tables: Sequence[tuple[str, Sequence[Mapping[str, Any]]]] = ()
    pictures: Sequence[Picture] = ()
    text: str = ""


def page(title: str, verdicts: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole file."""
    body = "".join(_section(section) for section in sections)
    said = "".join(f"<p class='verdict'>{escape(verdict)}</p>" for verdict in verdicts)
    return ("<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            f"<link rel='icon' href='data:,'><title>{escape(title)}</title><style>{STYLE}</style></head>\n"
            f"<body><h1>{escape(title)}</h1>{said}{body}</body></html>\n")


def _section(section: Section) -> str:
    note = f"<p class='note'>{escape(section.note)}</p>" if section.note else ""
    tables = "".join((f"<h3>{escape(name)}</h3>" if name else "") + table(rows) for name, rows in section.tables if rows)
    pictures = "".join(_picture(picture) for picture in section.pictures)
    text = f"<pre>{escape(section.text)}</pre>" if section.text else ""
    plots = f"<div class='plots'>{pictures}</div>" if pictures else ""
    return f"<section><h2>{escape(section.title)}</h2>{note}{tables}{plots}{text}</section>\n"


def _picture(picture: Picture) -> str:
    content = base64.b64encode(picture.content).decode()
    caption = escape(picture.caption, quote=True)
    return f"<figure><img alt='{caption}' src='data:{picture.kind};base64,{content}'><figcaption>{caption}</figcaption></figure>"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a table that scrolls by itself where the page is narrow."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    lines = "".join("<tr>" + "".join(f"<td>{cell(row.get(name))}</td>" for name in names) + "</tr>" for row in rows)
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"


def cell(value: Any) -> str:
    """A value as HTML; an estimate with its interval below."""
    if isinstance(value, Estimate):
        if math.isnan(value.value):
            return "–"
        interval = "" if math.isnan(value.low) else f"<small>{value.low:.3f} to {value.high:.3f}</small>"
        return f"{value.value:.3f}{interval}"
    if value is None or isinstance(value, float) and math.isnan(value):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else escape(str(value))
