//! The name of an event, as JSON has it: a serializer that looks at the variant's name and at nothing behind it.

use std::fmt;

use serde::ser::{Error, Impossible, Serialize, Serializer};

use super::Event;

impl Event {
    /// Its kind, as an export names it: `wtp_joined`.
    pub fn kind(&self) -> &'static str {
        self.serialize(NameOnly).map_or_else(|found| found.0, |never| match never {})
    }
}

/// Nothing is ever serialized.
enum Never {}

/// The end of the serializing: with the name.
#[derive(Debug)]
struct Found(&'static str);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Found {}

impl Error for Found {
    fn custom<T: fmt::Display>(_: T) -> Found {
        Found("")
    }
}

struct NameOnly;

/// What no variant of an event is, before its name is told.
macro_rules! nameless {
    ($($method:ident($($of:ty),*) -> $out:ty;)*) => {
        $(fn $method(self, $(_: $of),*) -> Result<$out, Found> { Err(Found("")) })*
    };
}

type Nothing = Impossible<Never, Found>;

impl Serializer for NameOnly {
    type Ok = Never;
    type Error = Found;
    type SerializeSeq = Nothing;
    type SerializeTuple = Nothing;
    type SerializeTupleStruct = Nothing;
    type SerializeTupleVariant = Nothing;
    type SerializeMap = Nothing;
    type SerializeStruct = Nothing;
    type SerializeStructVariant = Nothing;

    nameless! {
        serialize_bool(bool) -> Never;
        serialize_i8(i8) -> Never;
        serialize_i16(i16) -> Never;
        serialize_i32(i32) -> Never;
        serialize_i64(i64) -> Never;
        serialize_u8(u8) -> Never;
        serialize_u16(u16) -> Never;
        serialize_u32(u32) -> Never;
        serialize_u64(u64) -> Never;
        serialize_f32(f32) -> Never;
        serialize_f64(f64) -> Never;
        serialize_char(char) -> Never;
        serialize_str(&str) -> Never;
        serialize_bytes(&[u8]) -> Never;
        serialize_none() -> Never;
        serialize_unit() -> Never;
        serialize_unit_struct(&'static str) -> Never;
        serialize_seq(Option<usize>) -> Nothing;
        serialize_tuple(usize) -> Nothing;
        serialize_tuple_struct(&'static str, usize) -> Nothing;
        serialize_map(Option<usize>) -> Nothing;
        serialize_struct(&'static str, usize) -> Nothing;
    }

    fn serialize_some<T: ?Sized + Serialize>(self, _: &T) -> Result<Never, Found> {
        Err(Found(""))
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, _: &T) -> Result<Never, Found> {
        Err(Found(""))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<Never, Found> {
        Err(Found(name))
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: &T,
    ) -> Result<Never, Found> {
        Err(Found(name))
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, name: &'static str, _: usize) -> Result<Nothing, Found> {
        Err(Found(name))
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, name: &'static str, _: usize) -> Result<Nothing, Found> {
        Err(Found(name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_kind_is_the_name_in_json(event in crate::generate::event()) {
            let json = serde_json::to_value(&event).expect("json");
            prop_assert_eq!(json.as_object().and_then(|o| o.keys().next().cloned()), Some(event.kind().to_owned()));
        }
    }
}
