//! Missing rights, and the statements that give them.

use super::OutboxTable;
use crate::EventError;

/// The operation of a writer, as an error names it.
pub(crate) const WRITE: &str = "write the event";

/// A table, and the rights on it that a user lacks.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) struct Lacking {
    /// Quoted.
    pub(crate) table: String,
    /// `SELECT, INSERT`
    pub(crate) rights: String,
}

/// One statement for each table: MySQL and MariaDB allow no more. A user without a right gets all of them by pasting the text.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn grants(lacking: &[Lacking], user: &str) -> String {
    let statements = lacking.iter().map(|Lacking { table, rights }| format!("GRANT {rights} ON {table} TO {user}"));
    statements.collect::<Vec<_>>().join("; ")
}

/// The error of a statement that a database refused. The database names the user and the right in its text alone, so the grant has all the
/// rights of a role. A check of the tables finds the missing ones.
pub(crate) fn forbidden(operation: &'static str, table: &OutboxTable) -> EventError {
    let grant = if operation == WRITE {
        format!("GRANT INSERT ON {table} TO ..")
    } else {
        let tables = ["", "_dead_letters", "_published", "_relays", "_lanes"].map(|suffix| format!("{table}{suffix}"));
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO ..", tables.join(", "))
    };
    EventError::OutboxForbidden { user: "of this connection".to_owned(), grant }
}

#[cfg(all(test, any(feature = "postgres", feature = "mysql")))]
mod tests {
    use super::*;

    #[test]
    fn a_grant_names_each_table_with_its_rights() {
        let lacking = [("\"event_outbox\"", "INSERT, DELETE"), ("\"event_outbox_lanes\"", "SELECT, UPDATE")]
            .map(|(table, rights)| Lacking { table: table.to_owned(), rights: rights.to_owned() });
        let expected =
            "GRANT INSERT, DELETE ON \"event_outbox\" TO app; GRANT SELECT, UPDATE ON \"event_outbox_lanes\" TO app";
        assert_eq!(grants(&lacking, "app"), expected);
    }

    #[test]
    fn a_refused_statement_names_the_rights_of_its_role() {
        let table: OutboxTable = "ledger.outbox".parse().unwrap();
        let told = |operation| forbidden(operation, &table).to_string();
        assert_eq!(
            told(WRITE),
            "the database user of this connection may not use the outbox; run GRANT INSERT ON ledger.outbox TO .."
        );
        assert!(
            told("read the backlog")
                .contains("GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.outbox, ledger.outbox_dead_letters, ")
        );
    }
}
