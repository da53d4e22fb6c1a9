//! What the attributes make of a method, seen by a recorder: no server is needed.
#![deny(warnings, clippy::pedantic)]

mod boxed;
mod data;
mod errors;
mod failure;
mod handles;
mod ids;
mod lints;
mod outcome;
mod paths;
mod routes;
mod shapes;
mod size;
mod support;
