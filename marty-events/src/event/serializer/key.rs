//! A key of an object, which JSON has as a text.

use serde::ser::{Error as _, Impossible, Serialize, Serializer};
use serde_json::Error;

use super::push_text;

/// Writes one key.
pub(super) struct KeyWriter<'a>(pub(super) &'a mut String);

impl KeyWriter<'_> {
    /// `serde_json` has keys inside of an object only: `{"7":null}`.
    fn scalar<T: Serialize>(self, key: &T) -> Result<(), Error> {
        struct Object<'a, T>(&'a T);

        impl<T: Serialize> Serialize for Object<'_, T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([(self.0, ())])
            }
        }

        let object = serde_json::to_string(&Object(key))?;
        self.0.push_str(&object[1..object.len() - ":null}".len()]);
        Ok(())
    }

    /// The error that `serde_json` has for a key that is not a text.
    fn refused<T>(self) -> Result<T, Error> {
        let refusal = self.scalar(&()).err();
        Err(refusal.unwrap_or_else(|| Error::custom("key must be a string")))
    }
}

/// The forms of a value that a key cannot have.
macro_rules! refused {
    ($($method:ident($($part:ty),*) -> $answer:ident;)*) => {
        $(fn $method(self, $(_: $part),*) -> Result<Self::$answer, Error> {
            self.refused()
        })*
    };
}

impl Serializer for KeyWriter<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    scalars!(scalar, scalar);

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        push_text(self.0, text);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, key: &T) -> Result<(), Error> {
        key.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        push_text(self.0, variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, key: &T) -> Result<(), Error> {
        key.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        self.refused()
    }

    refused! {
        serialize_none() -> Ok;
        serialize_unit() -> Ok;
        serialize_unit_struct(&'static str) -> Ok;
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }
}
