//! The serializer of data. It writes texts, integers, and the shape of lists and objects; everything else is left to `serde_json`.
//!
//! The bytes are those of `serde_json`. It looks at each byte of a text on its own, which would be two fifths of the work of an event.

/// Serde's methods of numbers and their like. It stands before `key`, which uses it too.
macro_rules! scalars {
    ($of_integers:ident, $of_others:ident) => {
        scalars! {
            $of_integers:
            serialize_i8: i8;
            serialize_i16: i16;
            serialize_i32: i32;
            serialize_i64: i64;
            serialize_i128: i128;
            serialize_u8: u8;
            serialize_u16: u16;
            serialize_u32: u32;
            serialize_u64: u64;
            serialize_u128: u128;
        }
        scalars! {
            $of_others:
            serialize_bool: bool;
            serialize_f32: f32;
            serialize_f64: f64;
            serialize_char: char;
            serialize_bytes: &[u8];
        }
    };
    ($write:ident: $($method:ident: $type:ty;)*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.$write(&value)
        })*
    };
}

mod key;

use std::fmt::{Display, Write};

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use self::key::KeyWriter;
use super::json::push_text;

/// Appends the JSON of `value`.
pub(super) fn append<T: Serialize + ?Sized>(json: &mut String, value: &T) -> Result<(), Error> {
    value.serialize(Writer(json))
}

struct Writer<'a>(&'a mut String);

/// A list or an object, up to its end.
struct Parts<'a> {
    json: &'a mut String,
    is_first: bool,
    end: &'static str,
}

/// A struct, or a type of `serde_json` itself.
enum Fields<'a> {
    Object(Parts<'a>),
    Own { json: &'a mut String, name: &'static str },
}

impl<'a> Writer<'a> {
    fn parts(self, begin: char, end: &'static str) -> Parts<'a> {
        self.0.push(begin);
        Parts { json: self.0, is_first: true, end }
    }

    /// `{"variant":`
    fn variant(&mut self, variant: &str) {
        self.0.push('{');
        push_text(self.0, variant);
        self.0.push(':');
    }

    fn integer(self, value: impl Display) -> Result<(), Error> {
        write!(self.0, "{value}").map_err(Error::custom)
    }

    fn left_to_serde_json<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.0.push_str(&serde_json::to_string(value)?);
        Ok(())
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Parts<'a>;

    scalars!(integer, left_to_serde_json);

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        push_text(self.0, text);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.0.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        push_text(self.0, variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        value.serialize(Writer(self.0))?;
        self.0.push('}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        Ok(self.parts('[', "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Error> {
        Ok(self.parts('[', "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Error> {
        Ok(self.parts('[', "]"))
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Error> {
        self.variant(variant);
        Ok(self.parts('[', "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        Ok(self.parts('{', "}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'a>, Error> {
        // A name that is not a Rust identifier marks a type of `serde_json` itself, such as `RawValue`.
        if name.starts_with('$') {
            return Ok(Fields::Own { json: self.0, name });
        }
        Ok(Fields::Object(self.parts('{', "}")))
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Error> {
        self.variant(variant);
        Ok(self.parts('{', "}}"))
    }
}

impl Parts<'_> {
    fn next(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.json.push(',');
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.next();
        value.serialize(Writer(self.json))
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.next();
        push_text(self.json, name);
        self.value(value)
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.json.push(':');
        value.serialize(Writer(self.json))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the end of each of serde's traits answers a result")]
    fn finish(self) -> Result<(), Error> {
        self.json.push_str(self.end);
        Ok(())
    }
}

macro_rules! lists {
    ($($kind:ident: $method:ident;)*) => {
        $(impl $kind for Parts<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        })*
    };
}

lists! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.next();
        key.serialize(KeyWriter(self.json))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl SerializeStructVariant for Parts<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, field: &'static str, value: &T) -> Result<(), Error> {
        match self {
            Self::Object(parts) => parts.field(field, value),
            Self::Own { json, name } => Writer(json).left_to_serde_json(&Own { name, field, value }),
        }
    }

    fn end(self) -> Result<(), Error> {
        match self {
            Self::Object(parts) => parts.finish(),
            Self::Own { .. } => Ok(()),
        }
    }
}

/// A type of `serde_json` itself, as it serializes itself.
struct Own<'a, T: ?Sized> {
    name: &'static str,
    field: &'static str,
    value: &'a T,
}

impl<T: Serialize + ?Sized> Serialize for Own<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut own = serializer.serialize_struct(self.name, 1)?;
        own.serialize_field(self.field, self.value)?;
        own.end()
    }
}
