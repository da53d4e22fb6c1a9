//! PostgreSQL, "Appendix A. PostgreSQL Error Codes".

use super::Fault;

/// `routine` is the server's function that reports the error. A pooler's own errors have none.
pub(crate) fn fault(code: &str, routine: Option<&str>, message: &str) -> Fault {
    match code {
        // undefined_table, undefined_column (tables of an earlier version), invalid_schema_name
        "42P01" | "42703" | "3F000" => Fault::Missing,
        // insufficient_privilege: by row-level security in `execMain.c` and `rls.c`
        "42501" if matches!(routine, Some("ExecWithCheckOptions" | "check_enable_rls")) => Fault::Hidden,
        "42501" => Fault::Forbidden,
        // read_only_sql_transaction
        "25006" => Fault::ReadOnly,
        // invalid_sql_statement_name, duplicate_prepared_statement
        "26000" | "42P05" => Fault::Pooled,
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Fault::Conflict,
        // lock_not_available, object_in_use
        "55P03" | "55006" => Fault::Locked,
        // protocol_violation. PgBouncer gives this code to all that it says itself; its time-outs and full pools pass.
        "08P01" if routine.is_some() => Fault::Refused,
        "08P01" if message.starts_with("prepared statement") => Fault::Pooled,
        "08P01" if message.starts_with("unsupported startup parameter") => Fault::NotAdmitted,
        // invalid_authorization_specification, invalid_password, invalid_catalog_name
        "28000" | "28P01" | "3D000" => Fault::NotAdmitted,
        // configuration_limit_exceeded, database_dropped, transaction_integrity_constraint_violation
        "53400" | "57P04" | "40002" => Fault::Refused,
        // idle_in_transaction_session_timeout, transaction_timeout
        "25P03" | "25P04" => Fault::Outage,
        // Connections, resources, the operator's intervention, the system, another rollback.
        code if ["08", "53", "57", "58", "40"].iter().any(|class| code.starts_with(class)) => Fault::Outage,
        _ => Fault::Refused,
    }
}
