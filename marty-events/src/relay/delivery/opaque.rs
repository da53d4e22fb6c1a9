//! A row's number on its way through the Kafka client, which carries a pointer's worth of bits. Where these have room for the number, it
//! needs no memory of its own, that one thread would take and another give back.

#[cfg(not(target_pointer_width = "64"))]
pub(super) use boxed::{Opaque, of, seq};
#[cfg(target_pointer_width = "64")]
pub(super) use in_place::{Opaque, of, seq};

#[cfg(target_pointer_width = "64")]
mod in_place {
    pub(in super::super) type Opaque = usize;

    pub(in super::super) fn of(seq: i64) -> Opaque {
        usize::from_ne_bytes(seq.to_ne_bytes())
    }

    pub(in super::super) fn seq(opaque: Opaque) -> i64 {
        i64::from_ne_bytes(opaque.to_ne_bytes())
    }
}

#[cfg(not(target_pointer_width = "64"))]
mod boxed {
    pub(in super::super) type Opaque = Box<i64>;

    pub(in super::super) fn of(seq: i64) -> Opaque {
        Box::new(seq)
    }

    pub(in super::super) fn seq(opaque: Opaque) -> i64 {
        *opaque
    }
}
