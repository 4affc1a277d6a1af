//! Tables of our own: columns as wide as what stands in them, two spaces apart, and dashes under the header, so that a
//! reader may cut at the header's columns or, where cells are one word, at white space.

use std::fmt::Write as _;

/// The table; every row has a cell for each header.
pub(super) fn table<const N: usize>(headers: [&str; N], rows: &[[String; N]]) -> String {
    fixed(headers.map(|h| (h, 0)), rows)
}

/// A table whose columns have these widths at least, so that they begin at the same place in every output; one that
/// holds something longer is wider there, and nothing is cut or wrapped.
pub(super) fn fixed<const N: usize>(columns: [(&str, usize); N], rows: &[[String; N]]) -> String {
    let mut widths = columns.map(|(header, least)| header.chars().count().max(least));
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            let _ = write!(text, "{cell:<width$}  ");
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut out = line(columns.map(|(header, _)| header));
    let dashes = widths.iter().sum::<usize>() + 2 * N.saturating_sub(1);
    let _ = writeln!(out, "{}", "-".repeat(dashes));
    for row in rows {
        out.push_str(&line(std::array::from_fn(|i| row[i].as_str())));
    }
    out
}
