//! The pin: `certificates.events.json` is the producer's file, copied from its repository.

use revocation_list as _;

#[test]
fn the_events_of_the_certificate_authority_can_be_read() {
    marty_events::catalogue::assert_handles("certificates.events.json");
}
