//! A report before it is written down: the same blocks become Markdown and HTML. Text is plain here; each writer escapes it.

use std::fmt::Write as _;

/// One part of a report.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// Title (1) or section (2, 3).
    Heading(u8, String),
    Paragraph(String),
    /// The one sentence a reader came for.
    Verdict(Tone, String),
    List(Vec<String>),
    Table(Table),
    /// A chart: SVG, and a sentence for who cannot see it. HTML only.
    Chart {
        svg: String,
        caption: String,
    },
    /// Text that keeps its lines.
    Code(String),
}

/// How good a piece of news is; always told by its words too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Look,
    Plain,
}

/// Rows of figures. The first column is text, the others are right-aligned unless named in `text_columns`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Table {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) text_columns: Vec<usize>,
}

impl Table {
    fn text(&self, column: usize) -> bool {
        column == 0 || self.text_columns.contains(&column)
    }
}

pub(super) fn markdown(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        match block {
            Block::Heading(level, text) => _ = writeln!(out, "{} {}\n", "#".repeat(usize::from(*level)), inline(text)),
            Block::Paragraph(text) => _ = writeln!(out, "{}\n", inline(text)),
            Block::Verdict(tone, text) => {
                let sign = match tone {
                    Tone::Good => "✔",
                    Tone::Bad => "✖",
                    Tone::Look => "!",
                    Tone::Plain => "·",
                };
                _ = writeln!(out, "**{sign} {}**\n", inline(text));
            }
            Block::List(items) => {
                for item in items {
                    _ = writeln!(out, "- {}", inline(item));
                }
                out.push('\n');
            }
            Block::Table(table) => markdown_table(&mut out, table),
            Block::Chart { .. } => {}
            Block::Code(text) => {
                // A fence longer than any run of backticks inside.
                let fence = "`".repeat(longest_run(text).max(2) + 1);
                _ = writeln!(out, "{fence}\n{}\n{fence}\n", text.trim_end());
            }
        }
    }
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn markdown_table(out: &mut String, table: &Table) {
    use unicode_width::UnicodeWidthStr as _;
    let cells: Vec<Vec<String>> =
        std::iter::once(&table.head).chain(&table.rows).map(|row| row.iter().map(|c| inline(c)).collect()).collect();
    let width = |column: usize| cells.iter().filter_map(|row| row.get(column)).map(|c| c.width()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..table.head.len()).map(width).collect();
    for (k, row) in cells.iter().enumerate() {
        out.push('|');
        for (column, &width) in widths.iter().enumerate() {
            let cell = row.get(column).map_or("", String::as_str);
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            if table.text(column) { _ = write!(out, " {cell}{pad} |") } else { _ = write!(out, " {pad}{cell} |") }
        }
        out.push('\n');
        if k == 0 {
            out.push('|');
            for (column, &width) in widths.iter().enumerate() {
                _ = if table.text(column) { write!(out, "{}|", "-".repeat(width + 2)) } else { write!(out, "{}:|", "-".repeat(width + 1)) };
            }
            out.push('\n');
        }
    }
    out.push('\n');
}

/// Text from outside in Markdown: nothing of it is markup, a link, HTML or a table's edge.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (k, c) in text.chars().enumerate() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => {
                // An underscore inside a word is no markup, and keys are full of them.
                let inside = c == '_' && k > 0;
                if !inside {
                    out.push('\\');
                }
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Text from outside in HTML, inside an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Nothing but what is in the file: no script, no font, no address that is fetched.
pub(super) fn html(blocks: &[Block], title: &str, lang: &str) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(title)
    );
    let mut charts = false;
    for block in blocks {
        let chart = matches!(block, Block::Chart { .. });
        if chart != charts {
            out.push_str(if chart { "<div class=\"charts\">\n" } else { "</div>\n" });
            charts = chart;
        }
        element(&mut out, block);
    }
    if charts {
        out.push_str("</div>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn element(out: &mut String, block: &Block) {
    match block {
        Block::Heading(level, text) => _ = writeln!(out, "<h{level}>{}</h{level}>", escape(text)),
        Block::Paragraph(text) => _ = writeln!(out, "<p>{}</p>", escape(text)),
        Block::Verdict(tone, text) => {
            let (class, sign) = match tone {
                Tone::Good => ("good", "✔"),
                Tone::Bad => ("bad", "✖"),
                Tone::Look => ("look", "!"),
                Tone::Plain => ("plain", "·"),
            };
            _ = writeln!(out, "<p class=\"verdict {class}\"><b>{sign}</b> {}</p>", escape(text));
        }
        Block::List(items) => {
            out.push_str("<ul>\n");
            for item in items {
                _ = writeln!(out, "<li>{}</li>", escape(item));
            }
            out.push_str("</ul>\n");
        }
        Block::Table(table) => {
            out.push_str("<div class=\"wide\"><table>\n<tr>");
            let class = |column| if table.text(column) { " class=\"t\"" } else { "" };
            for (column, cell) in table.head.iter().enumerate() {
                _ = write!(out, "<th{}>{}</th>", class(column), escape(cell));
            }
            out.push_str("</tr>\n");
            for row in &table.rows {
                out.push_str("<tr>");
                for (column, cell) in row.iter().enumerate() {
                    _ = write!(out, "<td{}>{}</td>", class(column), escape(cell));
                }
                out.push_str("</tr>\n");
            }
            out.push_str("</table></div>\n");
        }
        Block::Chart { svg, caption } => _ = writeln!(out, "<figure>{svg}<figcaption>{}</figcaption></figure>", escape(caption)),
        Block::Code(text) => _ = writeln!(out, "<pre>{}</pre>", escape(text.trim_end())),
    }
}

/// Colours are named once; charts take theirs from here.
const STYLE: &str = "\
:root{--bg:#fff;--fg:#1c2128;--dim:#5c6670;--rule:#d8dee4;--soft:#f4f6f8;--good:#1a7f37;--bad:#c4242d;--look:#8a5a00;\
--c0:#0b62c4;--c1:#c2520a;--c2:#1a7f37;--c3:#8a3fb0;--c4:#5c6670;--heat:11,98,196}
@media(prefers-color-scheme:dark){:root{--bg:#0f1419;--fg:#dde3ea;--dim:#93a0ad;--rule:#303943;--soft:#181f26;--good:#4cc36a;--bad:#ff6b72;\
--look:#e0a93c;--c0:#5aa8ff;--c1:#ff9a52;--c2:#4cc36a;--c3:#cf94ee;--c4:#93a0ad;--heat:90,168,255}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,-apple-system,'Segoe UI','Noto Sans CJK SC','Microsoft YaHei',sans-serif}
main{max-width:1100px;margin:0 auto;padding:16px}
h1{font-size:1.4rem;line-height:1.25;margin:8px 0;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:28px 0 8px;border-top:1px solid var(--rule);padding-top:14px}
h3{font-size:1rem;margin:18px 0 6px}
p,ul{margin:6px 0;overflow-wrap:anywhere}
ul{padding-left:20px}
.verdict{border-left:4px solid var(--dim);background:var(--soft);padding:8px 12px;margin:8px 0}
.good{border-color:var(--good)}.good b{color:var(--good)}
.bad{border-color:var(--bad)}.bad b{color:var(--bad)}
.look{border-color:var(--look)}.look b{color:var(--look)}
.wide{overflow-x:auto;margin:8px 0}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th{color:var(--dim);font-weight:600}
.t{text-align:left}
td.t:not(:first-child){white-space:normal;min-width:5rem}
@media(max-width:600px){main{padding:12px}table{font-size:.78rem}th,td{padding:3px 5px;white-space:normal;word-break:keep-all}\
td:first-child{min-width:5rem}td.t:not(:first-child){min-width:3.2rem}}
pre{background:var(--soft);padding:10px 12px;overflow-x:auto;font-size:.82rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:14px;margin:10px 0}
figure{margin:0}
figcaption{color:var(--dim);font-size:.82rem}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--dim);font:12px system-ui,sans-serif;paint-order:stroke;stroke:var(--bg);stroke-width:3px;stroke-linejoin:round}
svg .title{fill:var(--fg);font-weight:600;font-size:13px}
svg .axis{stroke:var(--rule);fill:none}
svg .mark{stroke:var(--dim);stroke-dasharray:3 3}
svg .goal{stroke:var(--bad);stroke-dasharray:6 3}
svg .goalt{fill:var(--bad)}
svg .l{fill:none;stroke-width:1.8;stroke-linejoin:round}
svg .s0{stroke:var(--c0)}svg .s1{stroke:var(--c1)}svg .s2{stroke:var(--c2)}svg .s3{stroke:var(--c3)}svg .s4{stroke:var(--c4)}
svg .dash{stroke-dasharray:5 4}
svg .f0{fill:var(--c0)}svg .f1{fill:var(--c1)}svg .f2{fill:var(--c2)}svg .f3{fill:var(--c3)}svg .f4{fill:var(--c4)}
svg .h{fill:rgb(var(--heat))}
svg .cell{fill:var(--fg);stroke:none}
@media(max-width:600px){svg text,svg .title{font-size:13.5px}}
@media print{:root{--bg:#fff;--fg:#000}}
";

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "<script>alert(1)</script> | `x` [a](http://b) \"'&\nend";

    fn every() -> Vec<Block> {
        let h = || HOSTILE.to_owned();
        vec![
            Block::Heading(1, h()),
            Block::Paragraph(h()),
            Block::Verdict(Tone::Bad, h()),
            Block::List(vec![h()]),
            Block::Table(Table { head: vec![h(), "n".into()], rows: vec![vec![h(), "1".into()]], text_columns: vec![] }),
            Block::Chart { svg: String::new(), caption: h() },
            Block::Code(h()),
        ]
    }

    #[test]
    fn text_from_outside_is_never_markup_in_html() {
        let text = html(&every(), HOSTILE, "en");
        assert!(!text.contains("<script") && !text.contains("alert(1)</s"), "{text}");
        assert_eq!(text.matches("&lt;script&gt;").count(), 9);
        assert!(!text.contains("http://b\"") && !text.contains("src=") && !text.contains("href="), "nothing is fetched");
    }

    #[test]
    fn text_from_outside_is_never_markup_in_markdown() {
        let text = markdown(&every());
        let outside_code = text.split("```").next().expect("text");
        assert!(!outside_code.contains("<script") && !outside_code.replace("\\]", "").contains("](http"), "{text}");
        // Every row of the table has its two cells, whatever is in them.
        for row in text.lines().filter(|l| l.starts_with('|')) {
            assert_eq!(row.replace("\\|", "").matches('|').count(), 3, "{row}");
        }
        assert!(markdown(&[Block::Code("a ```` b".to_owned())]).starts_with("`````\n"), "a fence longer than what it holds");
    }

    #[test]
    fn a_markdown_table_is_aligned_in_columns_also_with_wide_letters() {
        let table = Table {
            head: vec!["指标".into(), "P99".into()],
            rows: vec![vec!["TTFT".into(), "1,234".into()], vec!["端到端".into(), "5".into()]],
            text_columns: vec![],
        };
        let text = markdown(&[Block::Table(table)]);
        assert_eq!(text, "| 指标   |   P99 |\n|--------|------:|\n| TTFT   | 1,234 |\n| 端到端 |     5 |\n\n");
    }
}
