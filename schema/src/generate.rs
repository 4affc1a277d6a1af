//! Arbitrary envelopes for property tests.
//!
//! Values are drawn by a deserializer that reads from a string of random octets and does what the type asks for, so a
//! new event, or a new field, is generated from the day that it is written. Never part of the program itself.

use std::fmt;

use proptest::prelude::*;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, SeqAccess, VariantAccess, Visitor,
};

use crate::envelope::Envelope;
use crate::event::Event;
use crate::id::Seq;

/// Any envelope, of any place.
pub fn envelope() -> impl Strategy<Value = Envelope> {
    arbitrary::<Envelope>(400)
}

/// Any event.
pub fn event() -> impl Strategy<Value = Event> {
    arbitrary::<Event>(400)
}

/// Envelopes that follow each other from 1 on: `len` says how many.
pub fn ledger(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Envelope>> {
    proptest::collection::vec(envelope(), len).prop_map(|mut all| {
        for (envelope, seq) in all.iter_mut().zip(1..) {
            envelope.seq = Seq(seq);
        }
        all
    })
}

/// Any value of a type that can be deserialized, out of at most `octets` octets of randomness.
pub fn arbitrary<T: DeserializeOwned + fmt::Debug>(octets: usize) -> impl Strategy<Value = T> {
    proptest::collection::vec(any::<u8>(), 1..octets)
        .prop_filter_map("text that its type refuses", |entropy| T::deserialize(&mut Source { rest: &entropy }).ok())
}

/// Random octets; zeros once they are used up, which give the first variant and the shortest value, so shrinking works.
struct Source<'a> {
    rest: &'a [u8],
}

impl Source<'_> {
    fn octet(&mut self) -> u8 {
        match self.rest {
            [first, rest @ ..] => {
                self.rest = rest;
                *first
            }
            [] => 0,
        }
    }

    fn number(&mut self) -> u64 {
        // Small ones, large ones, and those at the edges.
        match self.octet() {
            0..=99 => u64::from(self.octet()),
            100..=249 => (0..8).fold(0, |n, _| n << 8 | u64::from(self.octet())),
            250..=252 => 0,
            253..=255 => u64::MAX,
        }
    }

    fn text(&mut self) -> String {
        match self.octet() {
            // Mostly what every type takes: also an image family is a string.
            0..=219 => (0..=self.octet() % 12).map(|_| char::from(b'a' + self.octet() % 26)).collect(),
            220..=229 => String::new(),
            230..=239 => "Zeile\n\"ü\" \u{0}\u{1f4e1}".to_owned(),
            240..=255 => "x".repeat(usize::from(self.octet()) * 3),
        }
    }
}

#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(msg: T) -> Self {
        Refused(msg.to_string())
    }
}

macro_rules! numbers {
    ($($method:ident => $visit:ident as $ty:ty),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            visitor.$visit(self.number() as $ty)
        })*
    };
}

impl<'de> de::Deserializer<'de> for &mut Source<'_> {
    type Error = Refused;

    numbers!(
        deserialize_u8 => visit_u8 as u8, deserialize_u16 => visit_u16 as u16, deserialize_u32 => visit_u32 as u32,
        deserialize_u64 => visit_u64 as u64, deserialize_i8 => visit_i8 as i8, deserialize_i16 => visit_i16 as i16,
        deserialize_i32 => visit_i32 as i32
    );

    /// Only moments are `i64`: those that a calendar holds, since no other has a JSON form that reads back.
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_i64((self.number() >> 9) as i64)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_bool(self.octet() % 2 == 1)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_string(self.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_string(self.text())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.octet() % 2 == 1 { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let left = usize::from(self.octet() % 4);
        visitor.visit_seq(Items { source: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(Items { source: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let index = u32::from(self.octet()) % variants.len() as u32;
        visitor.visit_enum(Variant { source: self, index })
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused("the ledger's form describes no types".to_owned()))
    }

    serde::forward_to_deserialize_any! {
        f32 f64 char bytes byte_buf unit_struct tuple_struct map identifier ignored_any
    }
}

struct Items<'s, 'a> {
    source: &'s mut Source<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.source).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

struct Variant<'s, 'a> {
    source: &'s mut Source<'a>,
    index: u32,
}

impl<'de, 's, 'a> EnumAccess<'de> for Variant<'s, 'a> {
    type Error = Refused;
    type Variant = &'s mut Source<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Refused> {
        Ok((seed.deserialize(self.index.into_deserializer())?, self.source))
    }
}

impl<'de> VariantAccess<'de> for &mut Source<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_tuple(self, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_tuple(self, fields.len(), visitor)
    }
}
