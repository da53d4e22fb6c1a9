//! The command `marty-events`, as an operator runs it.

mod cleaning;
mod dead_letters;
mod doctor;
mod help;
mod hostile;
mod relaying;
mod secured;
mod tailing;
mod terminal;
