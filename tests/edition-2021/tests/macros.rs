//! The methods of the suite `macros` in edition 2021: what a block's last expression borrows lives longer there, and
//! `impl Trait` takes hold of less.
#![deny(warnings, rust_2018_idioms, clippy::pedantic)]

#[path = "../../macros/boxed.rs"]
mod boxed;
#[path = "../../macros/failure.rs"]
mod failure;
#[path = "../../macros/handles.rs"]
mod handles;
#[path = "../../macros/shapes.rs"]
mod shapes;
#[allow(dead_code)]
#[path = "../../macros/support.rs"]
mod support;
