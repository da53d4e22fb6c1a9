//! A map by the numbers of rows, which the database gives out: nobody can choose them so that they meet in one place, and a keyed hash
//! would be a tenth of what the window costs.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

pub(super) type ByNumber<T> = HashMap<i64, T, BuildHasherDefault<NumberHasher>>;

/// Spreads a number by a multiplication with an odd constant (Knuth, The Art of Computer Programming, volume 3, 6.4). The map takes its
/// place from the low bits and its tag from the high ones, so the halves are mixed.
#[derive(Debug, Default)]
pub(super) struct NumberHasher(u64);

const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let spread = (self.0 ^ number).wrapping_mul(SPREAD);
        self.0 = spread ^ (spread >> 32);
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }
}
