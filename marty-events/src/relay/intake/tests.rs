use super::{super::window::Limits, *};
use crate::{kafka::Partitioner, outbox::sqlite::SqliteStore};

/// Two relays, and a key of the other one's with very many rows; or a walk over dead ones.
#[test]
fn a_relay_reads_on_over_any_number_of_full_pages_without_rows_of_its_own() {
    let settings = Settings::default();
    let mut window = Window::new(Limits::new(5_000, 64 << 20), Partitioner::Crc32);
    let mut intake: Intake<SqliteStore> = Intake::new(&[]);
    for is_full in [true, false].into_iter().flat_map(|is_full| [is_full; 200]) {
        let page = Page { is_full, ..Page::default() };
        let page = Some(Ok((page, intake.position.clone(), Duration::ZERO)));
        let read = Read { wanted: Vec::new(), loaded: Ok(Page::default()), page };
        intake.take_page(read, &mut window, &settings, &RelayMetrics::new(false, &"outbox".into())).expect("a page");
        assert!(intake.poll_pause <= LAST_POLL);
        assert!(!is_full || intake.poll_at.is_some_and(|at| at <= Instant::now()), "there is more to read at once");
    }
    assert_eq!(intake.poll_at, None, "it is quiet");
}
