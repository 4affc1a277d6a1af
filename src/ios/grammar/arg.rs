//! The values that a command takes: what is accepted, and how `?` names it.

use std::net::IpAddr;

use capledger_schema::image::{ImageFamily, ImageVersion};

/// What a place in a command accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A whole number in a range, both ends included.
    Number(u64, u64),
    /// 1 to 100 percent, or `one-shot`, which is 100; a number.
    Share,
    /// An IPv4 or IPv6 address.
    Address,
    /// An IPv4 or IPv6 address or a name: letters, digits, `.`, `-`, `_`; at most 255. Dotted numbers that are no
    /// address (`10.0.5`) are a slip, not a name.
    Host,
    /// A name for the controller: letters, digits, `.`, `-`, `_`; at most 63.
    Hostname,
    /// The name of a zone: 1 to 7 letters and digits; text.
    Zone,
    /// -23 to 23; text.
    Hours,
    /// Four dotted numbers.
    Version,
    /// An image family, which is a file name.
    Family,
    /// One word of at most 512 octets; double quotes hold one with spaces together.
    Word,
    /// The rest of the line, at most 512 octets.
    Line,
    /// The rest of the line, as long as a line may be: a public key.
    Key,
    /// One of these words, which may be cut like keywords; each with what `?` says of it.
    Choice(&'static [(&'static str, &'static str)]),
}

/// The largest number of an event or operation that may be typed: a ledger does not grow to so many.
pub(super) const LAST_NUMBER: u64 = 999_999_999_999;

/// Octets of a [`Arg::Word`] or [`Arg::Line`] at most.
const TEXT_LIMIT: usize = 512;

/// A value that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of [`Arg::Number`] and [`Arg::Share`].
    Number(u64),
    /// Of [`Arg::Address`].
    Address(IpAddr),
    /// Of every other kind.
    Text(String),
    /// Of [`Arg::Version`].
    Version(ImageVersion),
    /// Of [`Arg::Family`].
    Family(ImageFamily),
    /// Of [`Arg::Choice`]: the word in full.
    Choice(&'static str),
}

impl Arg {
    /// The value of a word; none if it is not accepted. A choice is not read here: its words are matched as keywords.
    pub fn accept(self, word: &str) -> Option<Value> {
        match self {
            Arg::Number(min, max) => {
                let digits = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
                let n = digits.then(|| word.parse::<u64>().ok())??;
                (min..=max).contains(&n).then_some(Value::Number(n))
            }
            Arg::Share if word.len() > 2 && "one-shot".starts_with(&word.to_ascii_lowercase()) => {
                Some(Value::Number(100))
            }
            Arg::Share => Arg::Number(1, 100).accept(word),
            Arg::Address => word.parse().ok().map(Value::Address),
            Arg::Host => {
                let dotted_numbers = word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                let fits = word.parse::<IpAddr>().is_ok() || (is_name(word, 255) && !dotted_numbers);
                fits.then(|| Value::Text(word.to_owned()))
            }
            Arg::Hostname => is_name(word, 63).then(|| Value::Text(word.to_owned())),
            Arg::Zone => {
                let fits = (1..=7).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric());
                fits.then(|| Value::Text(word.to_owned()))
            }
            Arg::Hours => {
                let digits = word.strip_prefix('-').unwrap_or(word);
                let fits = matches!(Arg::Number(0, 23).accept(digits), Some(Value::Number(_))) && digits.len() <= 2;
                fits.then(|| Value::Text(word.to_owned()))
            }
            Arg::Version => word.parse().ok().map(Value::Version),
            Arg::Family => word.parse().ok().map(Value::Family),
            Arg::Word | Arg::Line => {
                let fits = !word.is_empty() && word.len() <= TEXT_LIMIT && !word.chars().any(char::is_control);
                fits.then(|| Value::Text(word.to_owned()))
            }
            Arg::Key => {
                let fits = !word.is_empty() && !word.chars().any(char::is_control);
                fits.then(|| Value::Text(word.to_owned()))
            }
            Arg::Choice(_) => None,
        }
    }

    /// Whether it takes the rest of the line.
    pub fn takes_rest(self) -> bool {
        matches!(self, Arg::Line | Arg::Key)
    }

    /// How `?` writes it and what it says of each form, where `help` is what it says of the value.
    pub fn described(self, help: &'static str) -> Vec<(String, &'static str)> {
        match self {
            Arg::Choice(words) => words.iter().map(|(word, help)| ((*word).to_owned(), *help)).collect(),
            Arg::Share => vec![("<1-100>".to_owned(), help), ("one-shot".to_owned(), "All at once")],
            Arg::Number(..)
            | Arg::Address
            | Arg::Host
            | Arg::Hostname
            | Arg::Zone
            | Arg::Hours
            | Arg::Version
            | Arg::Family
            | Arg::Word
            | Arg::Line
            | Arg::Key => self.labels().into_iter().map(|label| (label, help)).collect(),
        }
    }

    /// How `?` writes it; a choice is written word by word.
    pub fn labels(self) -> Vec<String> {
        match self {
            Arg::Number(min, max) => vec![format!("<{min}-{max}>")],
            Arg::Share => vec!["<1-100>".into(), "one-shot".into()],
            Arg::Address => vec!["A.B.C.D".into(), "X:X:X:X::X".into()],
            Arg::Host | Arg::Hostname | Arg::Word | Arg::Zone => vec!["WORD".into()],
            Arg::Hours => vec!["<-23-23>".into()],
            Arg::Version => vec!["A.B.C.D".into()],
            Arg::Family => vec!["FAMILY".into()],
            Arg::Line | Arg::Key => vec!["LINE".into()],
            Arg::Choice(words) => words.iter().map(|(word, _)| (*word).to_owned()).collect(),
        }
    }
}

fn is_name(word: &str, limit: usize) -> bool {
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    // What begins with `-` is an option to every program that the name is handed to.
    !word.is_empty() && word.len() <= limit && word.bytes().all(letters) && !word.starts_with(['-', '.'])
}

/// The values of a line, in the order of its entry's arguments. The accessors are for the table's own closures, whose
/// entry says what stands where; a test builds every entry's action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args(pub Vec<Value>);

impl Args {
    fn value(&self, i: usize) -> &Value {
        self.0.get(i).expect("the entry has so many arguments")
    }

    /// Argument `i`, a number.
    pub fn number(&self, i: usize) -> u64 {
        match self.value(i) {
            Value::Number(n) => *n,
            Value::Address(_) | Value::Text(_) | Value::Version(_) | Value::Family(_) | Value::Choice(_) => {
                unreachable!("the entry says that argument {i} is a number")
            }
        }
    }

    /// Argument `i`, a number whose range fits `T`.
    pub fn fit<T: TryFrom<u64>>(&self, i: usize) -> T {
        T::try_from(self.number(i)).ok().expect("the entry's range fits the setting")
    }

    /// Argument `i`, an address.
    pub fn address(&self, i: usize) -> IpAddr {
        match self.value(i) {
            Value::Address(a) => *a,
            Value::Number(_) | Value::Text(_) | Value::Version(_) | Value::Family(_) | Value::Choice(_) => {
                unreachable!("the entry says that argument {i} is an address")
            }
        }
    }

    /// Argument `i`, text.
    pub fn text(&self, i: usize) -> String {
        match self.value(i) {
            Value::Text(t) => t.clone(),
            Value::Number(_) | Value::Address(_) | Value::Version(_) | Value::Family(_) | Value::Choice(_) => {
                unreachable!("the entry says that argument {i} is text")
            }
        }
    }

    /// Argument `i`, a version.
    pub fn version(&self, i: usize) -> ImageVersion {
        match self.value(i) {
            Value::Version(v) => *v,
            Value::Number(_) | Value::Address(_) | Value::Text(_) | Value::Family(_) | Value::Choice(_) => {
                unreachable!("the entry says that argument {i} is a version")
            }
        }
    }

    /// Argument `i`, a family.
    pub fn family(&self, i: usize) -> ImageFamily {
        match self.value(i) {
            Value::Family(f) => f.clone(),
            Value::Number(_) | Value::Address(_) | Value::Text(_) | Value::Version(_) | Value::Choice(_) => {
                unreachable!("the entry says that argument {i} is a family")
            }
        }
    }

    /// Argument `i`, a choice: the word in full.
    pub fn choice(&self, i: usize) -> &'static str {
        match self.value(i) {
            Value::Choice(word) => word,
            Value::Number(_) | Value::Address(_) | Value::Text(_) | Value::Version(_) | Value::Family(_) => {
                unreachable!("the entry says that argument {i} is a choice")
            }
        }
    }
}
