//! The command `marty-events`, as an operator runs it.

mod catalogue;
mod cleanup;
mod consumer_only;
mod control_characters;
mod dead_letters;
mod doctor;
mod doctor_explains;
mod group_health;
mod groups;
mod help;
mod relay;
mod rights;
mod secured;
mod tail;
mod terminal;
mod topics;
