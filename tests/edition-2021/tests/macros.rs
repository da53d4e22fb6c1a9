//! The methods of the suite `macros` in edition 2021: borrows of a block's last expression live longer there, and `impl Trait` captures
//! less.
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
