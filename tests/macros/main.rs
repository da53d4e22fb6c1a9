//! The attributes' effect on a method, seen by a recorder: no server is needed.
#![deny(warnings, clippy::pedantic)]

mod boxed;
mod data;
mod described;
mod drops;
mod errors;
mod failure;
mod failure_texts;
mod handles;
mod hidden;
mod ids;
mod lints;
mod outcome;
mod paths;
mod routes;
mod send;
mod shapes;
mod size;
mod success;
mod support;
mod typed;
