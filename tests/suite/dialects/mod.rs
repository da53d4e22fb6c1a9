//! What is the same on every database, and what is one database's own?

mod contract;
mod mariadb;
mod mariadb_locks;
mod sqlite;
