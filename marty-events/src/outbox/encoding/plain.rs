//! Headers as this library writes them, without an escape: nearly all.
//!
//! A relay reads the headers of every row twice: first to know that they are headers, then to send them. A JSON parser takes several times as
//! long. The second reading goes by the places that the first one found.

/// The most pairs; a library's event has 10 headers.
const MOST: usize = 12;

/// The places in a list `[["name","value"],["name","value"]]` where each name and each value ends, by its closing quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plain {
    pairs: usize,
    ends: [[u16; 2]; MOST],
}

impl Plain {
    /// Nothing where the text is not such a list, or has too many pairs.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut plain = Self { pairs: 0, ends: [[0; 2]; MOST] };
        if text == "[]" {
            return Some(plain);
        }
        if usize::from(u16::MAX) < bytes.len() || has_escape(bytes) {
            return None;
        }
        let mut quotes = Quotes::of(bytes);
        if bytes.first_chunk() != Some(b"[[\"") {
            return None;
        }
        let mut from = 2;
        loop {
            let (name, name_end) = (quotes.next()?, quotes.next()?);
            let (value, value_end) = (quotes.next()?, quotes.next()?);
            if name != from || value != name_end + 2 || bytes[name_end + 1] != b',' {
                return None;
            }
            *plain.ends.get_mut(plain.pairs)? = [u16::try_from(name_end).ok()?, u16::try_from(value_end).ok()?];
            plain.pairs += 1;
            let behind = &bytes[value_end + 1..];
            if behind.first_chunk() != Some(b"],[") {
                return (behind == b"]]").then_some(plain);
            }
            from = value_end + 4;
        }
    }

    /// Goes through the pairs of the text that was read.
    pub(super) fn fold<T>(&self, text: &str, first: T, mut add: impl FnMut(T, &str, &str) -> T) -> T {
        let mut begin = "[[\"".len();
        self.ends[..self.pairs].iter().fold(first, |so_far, ends| {
            let [name_end, value_end] = ends.map(usize::from);
            let (name, value) = (&text[begin..name_end], &text[name_end + "\",\"".len()..value_end]);
            begin = value_end + "\"],[\"".len();
            add(so_far, name, value)
        })
    }
}

/// JSON permits no control character in a text. Without a branch for each byte, so that many are looked at together.
fn has_escape(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |found, byte| found | u8::from(*byte < b' ') | u8::from(*byte == b'\\')) != 0
}

/// The places of the quotes. One step looks at 8 bytes, as a number whose lowest byte is the first one.
struct Quotes<'a> {
    words: std::slice::Iter<'a, [u8; 8]>,
    rest: &'a [u8],
    /// The place behind the word that was looked at last, and the high bits of the quotes in it that are still to come.
    behind: usize,
    found: u64,
}

impl<'a> Quotes<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        Self { words: words.iter(), rest, behind: 0, found: 0 }
    }

    fn next_word(&mut self) -> Option<[u8; 8]> {
        if let Some(word) = self.words.next() {
            return Some(*word);
        }
        let rest = std::mem::take(&mut self.rest);
        let mut word = [0; 8];
        word.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        (!rest.is_empty()).then_some(word)
    }
}

impl Iterator for Quotes<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            self.found = quotes(u64::from_le_bytes(self.next_word()?));
            self.behind += 8;
        }
        let place = self.found.trailing_zeros() as usize / 8;
        self.found &= self.found - 1;
        Some(self.behind - 8 + place)
    }
}

/// The high bit of each byte that is a quote. The exclusive or makes these zero, and no addition of two lower halves carries into the next
/// byte (Warren, Hacker's Delight, 6-1).
fn quotes(word: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let others = word ^ u64::from_ne_bytes([b'"'; 8]);
    !(((others & LOW) + LOW) | others | LOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quote_is_found_wherever_it_is() {
        let others = [0, 1, b'!', b'#', 0x7f, 0x80, b'"' | 0x80, 0xff];
        for length in 0..20 {
            for filler in others {
                for set in 0..1_u32 << length.min(10) {
                    let is_quote = |place: &usize| set >> (place % 10) & 1 == 1;
                    let bytes: Vec<u8> = (0..length).map(|at| if is_quote(&at) { b'"' } else { filler }).collect();
                    let places: Vec<usize> = (0..length).filter(is_quote).collect();
                    assert_eq!(Quotes::of(&bytes).collect::<Vec<_>>(), places, "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn lists_that_are_too_long_for_it_are_not_plain() {
        let list = |pairs: usize, value: &str| {
            let pairs: Vec<String> = (0..pairs).map(|name| format!(r#"["{name}","{value}"]"#)).collect();
            format!("[{}]", pairs.join(","))
        };
        assert!(Plain::read(&list(MOST, "a")).is_some());
        assert!(Plain::read(&list(MOST + 1, "a")).is_none());
        assert!(Plain::read(&list(1, &"a".repeat(65_000))).is_some());
        assert!(Plain::read(&list(1, &"a".repeat(66_000))).is_none());
    }
}
