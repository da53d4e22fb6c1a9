//! Databases: the promises that each keeps, and the behaviour that is one's own.

mod contract;
mod mariadb;
mod mariadb_locks;
mod sqlite;
