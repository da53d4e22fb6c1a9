#![allow(unused)]

use marty_events::event_handlers;

struct StatusList;

#[event_handlers]
impl StatusList {
    async fn revoked(&self) {}
}

fn main() {}
