//! `SHA256SUMS`: the digests of a folder's files in the form of the coreutils (`sha256sum`), so that both sides can
//! check them. It is what tells a flipped bit inside an image from the vendor's own octets: an image's own structure
//! covers its headers only. It proves no origin; who can change the image can change the list.

use std::collections::BTreeMap;
use std::fmt;

use capledger_schema::id::Sha256;

/// The list's file name.
pub const SUMS_FILE: &str = "SHA256SUMS";
/// The longest list that is read, in octets.
pub const SUMS_LIMIT: u64 = 1 << 20;

/// Digests by file name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<String, Sha256>);

/// A line that is not one of `sha256sum`'s.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{SUMS_FILE} line {line}: not `DIGEST  FILE`; write it anew with sha256sum")]
pub struct BadSums {
    /// Counted from 1.
    pub line: usize,
}

impl Sums {
    /// A list without a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a list: `DIGEST  FILE` or `DIGEST *FILE`, one a line; `./` before a name does not matter.
    pub fn parse(text: &str) -> Result<Self, BadSums> {
        let mut sums = Sums::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = BadSums { line: at + 1 };
            let (digest, name) = line.split_once(' ').ok_or(bad.clone())?;
            let name = name.strip_prefix([' ', '*']).ok_or(bad.clone())?;
            let digest = digest.to_ascii_lowercase().parse().map_err(|_| bad.clone())?;
            let name = name.strip_prefix("./").unwrap_or(name);
            // `sha256sum * > SHA256SUMS` lists the list itself, as it was before it was written.
            if name != SUMS_FILE && sums.0.insert(name.to_owned(), digest).is_some_and(|before| before != digest) {
                return Err(bad);
            }
        }
        Ok(sums)
    }

    /// The digest that a file must have, if it is listed.
    pub fn get(&self, name: &str) -> Option<Sha256> {
        self.0.get(name).copied()
    }

    /// Lists a file, or corrects its digest.
    pub fn insert(&mut self, name: impl Into<String>, digest: Sha256) {
        self.0.insert(name.into(), digest);
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, digest)| writeln!(f, "{digest}  {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_sha256sum_writes_is_read_and_written_the_same() {
        let text = format!("{DIGEST}  ap1g7\n{DIGEST}  ap1g8\n");
        let sums = Sums::parse(&text).expect("sums");
        assert_eq!(sums.get("ap1g7").map(|d| d.to_string()).as_deref(), Some(DIGEST));
        assert_eq!(sums.get("ap1g6"), None);
        assert_eq!(sums.to_string(), text);
    }

    #[test]
    fn the_binary_mark_a_dot_slash_capitals_and_the_list_itself_do_not_matter() {
        let text = format!("# made by hand\n\n{} *./ap1g7\r\n{DIGEST}  SHA256SUMS\n", DIGEST.to_uppercase());
        let sums = Sums::parse(&text).expect("sums");
        assert_eq!(sums.names().collect::<Vec<_>>(), ["ap1g7"]);
    }

    #[test]
    fn a_line_of_another_form_or_two_digests_for_one_file_are_refused_by_line() {
        let other = DIGEST.replace('b', "c");
        for text in ["x", "abc  ap1g7", &format!("{DIGEST} ap1g7"), &format!("{DIGEST}  a\n{other}  a")] {
            let lines = text.lines().count();
            assert_eq!(Sums::parse(text), Err(BadSums { line: lines }), "{text}");
        }
    }
}
