//! Bounds-checked reading and writing of big-endian fields, and the macros that declare what is laid out on the wire.
//!
//! A `Wire` value writes exactly the octets that it was read from, so that whatever parses also survives a round trip.

use std::net::{Ipv4Addr, Ipv6Addr};

use capledger_schema::id::{MacAddr, Md5};

/// A cursor over octets that gives `None` instead of reading past the end.
#[derive(Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Reader(octets)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}

/// Something laid out in octets. `read` takes what it needs and leaves the rest; `write` appends the same octets.
pub(crate) trait Wire: Sized {
    fn read(r: &mut Reader<'_>) -> Option<Self>;
    fn write(&self, out: &mut Vec<u8>);

    /// Reads a value that must fill `octets` to the last one.
    fn read_whole(octets: &[u8]) -> Option<Self> {
        let mut r = Reader::new(octets);
        let value = Self::read(&mut r)?;
        r.is_empty().then_some(value)
    }
}

macro_rules! integers {
    ($($int:ty),*) => { $(
        impl Wire for $int {
            fn read(r: &mut Reader<'_>) -> Option<Self> {
                r.array().map(<$int>::from_be_bytes)
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
    )* };
}
integers!(u8, u16, u32, u64, i16);

macro_rules! octet_newtypes {
    ($($name:ty = |$v:ident| $octets:expr, $make:expr;)*) => { $(
        impl Wire for $name {
            fn read(r: &mut Reader<'_>) -> Option<Self> {
                r.array().map($make)
            }
            fn write(&self, out: &mut Vec<u8>) {
                let $v = self;
                out.extend_from_slice(&$octets);
            }
        }
    )* };
}
octet_newtypes! {
    Ipv4Addr = |v| v.octets(), Ipv4Addr::from;
    Ipv6Addr = |v| v.octets(), Ipv6Addr::from;
    MacAddr = |v| v.0, MacAddr;
    Md5 = |v| v.0, Md5;
}

/// All octets that are left.
impl Wire for Vec<u8> {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        Some(r.rest().to_vec())
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

/// All octets that are left, as UTF-8.
impl Wire for String {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        std::str::from_utf8(r.rest()).ok().map(str::to_owned)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

/// Values up to the end.
macro_rules! sequences {
    ($($item:ty),* $(,)?) => { $(
        impl $crate::capwap::wire::Wire for Vec<$item> {
            fn read(r: &mut $crate::capwap::wire::Reader<'_>) -> Option<Self> {
                let mut items = Vec::new();
                while !r.is_empty() {
                    items.push(<$item as $crate::capwap::wire::Wire>::read(r)?);
                }
                Some(items)
            }
            fn write(&self, out: &mut Vec<u8>) {
                for item in self {
                    $crate::capwap::wire::Wire::write(item, out);
                }
            }
        }
    )* };
}
pub(crate) use sequences;
sequences!(Ipv4Addr, Ipv6Addr);

/// An octet that counts, then so many values.
pub(crate) fn read_counted<T: Wire>(r: &mut Reader<'_>) -> Option<Vec<T>> {
    let count = r.u8()?;
    (0..count).map(|_| T::read(r)).collect()
}

/// Writes at most 255 values, for the count has one octet.
pub(crate) fn write_counted<T: Wire>(items: &[T], out: &mut Vec<u8>) {
    debug_assert!(items.len() <= 255, "the count has one octet");
    let items = &items[..items.len().min(255)];
    out.push(items.len() as u8);
    for item in items {
        item.write(out);
    }
}

/// A 16-bit length, then so many octets.
pub(crate) fn read_sized<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = r.u16()?;
    r.take(len.into())
}

/// Writes at most 65,535 octets, for the length has two.
pub(crate) fn write_sized(octets: &[u8], out: &mut Vec<u8>) {
    debug_assert!(octets.len() <= 65_535, "the length has two octets");
    let octets = &octets[..octets.len().min(65_535)];
    out.extend_from_slice(&(octets.len() as u16).to_be_bytes());
    out.extend_from_slice(octets);
}

/// Declares a structure whose fields lie on the wire in this order.
macro_rules! layout {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident : $kind:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$field_meta])* pub $field: $kind,)* }

        impl $crate::capwap::wire::Wire for $name {
            fn read(r: &mut $crate::capwap::wire::Reader<'_>) -> Option<Self> {
                Some($name { $($field: <$kind as $crate::capwap::wire::Wire>::read(r)?,)* })
            }
            fn write(&self, out: &mut Vec<u8>) {
                $($crate::capwap::wire::Wire::write(&self.$field, out);)*
            }
        }
    };
}
pub(crate) use layout;

/// Declares the values of an enumerated field; a value that the RFC does not define is kept as `Unknown`.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident: $int:ty { $($variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $text] $variant,)*
            /// A value that the RFC does not define.
            Unknown($int),
        }

        impl $name {
            /// Every value that the RFC defines.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The number on the wire.
            pub const fn code(self) -> $int {
                match self {
                    $($name::$variant => $code,)*
                    $name::Unknown(code) => code,
                }
            }

            /// The RFC's words for it; `Unknown` for a value that the RFC does not define.
            pub const fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                    $name::Unknown(_) => "Unknown",
                }
            }
        }

        impl From<$int> for $name {
            fn from(code: $int) -> Self {
                match code {
                    $($code => $name::$variant,)*
                    other => $name::Unknown(other),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $name::Unknown(code) => write!(f, "Unknown ({code})"),
                    known => f.pad(known.name()),
                }
            }
        }

        impl $crate::capwap::wire::Wire for $name {
            fn read(r: &mut $crate::capwap::wire::Reader<'_>) -> Option<Self> {
                <$int as $crate::capwap::wire::Wire>::read(r).map($name::from)
            }
            fn write(&self, out: &mut Vec<u8>) {
                $crate::capwap::wire::Wire::write(&self.code(), out);
            }
        }
    };
}
pub(crate) use codes;
