#![allow(unused)]

use marty_events::event_handlers;

#[event_handlers]
struct StatusList;

fn main() {}
