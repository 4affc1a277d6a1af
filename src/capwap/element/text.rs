//! Making text out of what peers call text.

/// Most characters that `display_text` gives.
pub const DISPLAY_LIMIT: usize = 512;

/// Octets from a peer as a line that can be shown and logged: UTF-8 as far as it is UTF-8, without NULs and blanks at
/// the end, control characters replaced by `?`, at most 512 characters.
pub fn display_text(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let shown = text.trim_end_matches(|c: char| c == '\0' || c.is_whitespace());
    shown.chars().map(|c| if c.is_control() { '?' } else { c }).take(DISPLAY_LIMIT).collect()
}
