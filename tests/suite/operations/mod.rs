//! Operation: commands, set-up, migrations, metrics and resources, as an operator meets them.

mod command_line;
mod debezium;
mod existing_tables;
mod idle;
mod ipv6;
mod memory;
mod metrics_and_health;
mod migrations;
mod pooler;
mod retention;
mod session_settings;
mod unfit_tables;
