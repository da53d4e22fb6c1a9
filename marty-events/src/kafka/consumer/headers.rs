use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::Headers;

/// The headers of a record, in their order.
///
/// The client's wrapper panics at a name that is not UTF-8, which clients in C and Python can write. Such a header is left out: with the
/// panic the thread would end, and again at the same record after each start.
pub(super) fn headers_of(headers: &impl Headers) -> Vec<(String, Vec<u8>)> {
    let read = |place| {
        let header = catch_unwind(AssertUnwindSafe(|| headers.try_get(place)));
        if header.is_err() {
            tracing::debug!(place, "a header's name is not UTF-8, and the header is left out");
        }
        let header = header.ok()??;
        Some((header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
    };
    (0..headers.count()).filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Header;

    use super::*;

    /// As the client's wrapper: it panics at a name that is not UTF-8.
    struct Raw(Vec<(&'static [u8], &'static [u8])>);

    impl Headers for Raw {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn try_get(&self, place: usize) -> Option<Header<'_, &[u8]>> {
            let (name, value) = self.0.get(place)?;
            Some(Header { key: std::str::from_utf8(name).unwrap(), value: Some(value) })
        }
    }

    #[test]
    fn a_header_whose_name_is_not_text_is_left_out_and_the_others_are_read() {
        let headers = Raw(vec![(b"ce_id", b"1"), (b"\xff\xfe", b"2"), (b"ce_type", b"\xff")]);
        let expected = vec![("ce_id".to_owned(), b"1".to_vec()), ("ce_type".to_owned(), vec![0xff])];
        assert_eq!(headers_of(&headers), expected);
    }
}
