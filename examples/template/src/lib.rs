//! The service: its work in [`users`], its interface in [`routes`].

pub mod routes;
pub mod users;
