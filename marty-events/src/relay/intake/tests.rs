use super::{super::window::Limits, *};
use crate::{kafka::Partitioner, outbox::sqlite::SqliteStore};

/// Two relays, and a key of the other one's with very many rows; or a walk over dead ones.
#[test]
fn a_relay_reads_on_over_any_number_of_full_pages_without_rows_of_its_own() {
    let settings = Settings {
        lease_time: Duration::from_secs(4),
        idle_poll: Duration::from_millis(1250),
        batch_size: 1_000,
        in_flight: 5_000,
        in_flight_bytes: 64 << 20,
        max_attempts: 5,
        gives_up: true,
        retry_delay: Duration::from_millis(200),
        drain_time: Duration::from_secs(10),
        keep_published: None,
        keep_dead_letters: None,
        listens: true,
        stats_interval: Duration::from_secs(15),
    };
    let mut window = Window::new(Limits::new(5_000, 64 << 20), Partitioner::Crc32);
    let mut intake: Intake<SqliteStore> = Intake::new(&[]);
    for is_full in [true, false].into_iter().flat_map(|is_full| [is_full; 200]) {
        let page = Page { is_full, ..Page::default() };
        let page = Some(Ok((page, intake.position.clone(), Duration::ZERO)));
        let read = Read { wanted: Vec::new(), loaded: Ok(Page::default()), page };
        intake.take_page(read, &mut window, &settings, &RelayMetrics::new(false)).expect("a page");
        assert!(intake.poll_pause <= LAST_POLL);
        assert!(!is_full || intake.poll_at.is_some_and(|at| at <= Instant::now()), "there is more to read at once");
    }
    assert_eq!(intake.poll_at, None, "it is quiet");
}
