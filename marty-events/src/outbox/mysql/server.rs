//! The settings of a server that matter to the outbox.

use std::collections::HashMap;

use sqlx::{MySqlPool, Row};

use super::work;

/// Every variable has a name of the documentation, and any user may read them.
const SETTINGS: &str = "
    SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'group_replication_single_primary_mode',
        'group_replication_group_name', 'auto_increment_increment', 'innodb_flush_log_at_trx_commit', 'log_bin', 'binlog_format');
    SHOW GLOBAL STATUS WHERE Variable_name = 'wsrep_cluster_size'";

/// Sentences on the settings that weaken a promise.
pub(super) async fn cautions(pool: &MySqlPool) -> Result<Vec<&'static str>, sqlx::Error> {
    let mut settings = HashMap::new();
    for row in work::rows(pool, sqlx::SqlSafeStr::into_sql_str(SETTINGS)).await? {
        settings.insert(row.try_get::<String, _>(0)?.to_lowercase(), row.try_get::<String, _>(1)?.to_uppercase());
    }
    Ok(of(&settings))
}

/// Writes them into the log. A server that does not tell is left alone: what is wrong with it will be met elsewhere.
pub(super) async fn warn(pool: &MySqlPool) {
    for caution in cautions(pool).await.unwrap_or_default() {
        tracing::warn!("{caution}");
    }
}

fn of(settings: &HashMap<String, String>) -> Vec<&'static str> {
    let text = |name: &str| settings.get(name).map_or("", String::as_str);
    let number = |name: &str| text(name).parse::<u64>().ok();
    let is_galera = text("wsrep_on") == "ON" && number("wsrep_cluster_size").is_some_and(|size| 1 < size);
    let is_group =
        !text("group_replication_group_name").is_empty() && text("group_replication_single_primary_mode") == "OFF";
    let mut cautions = Vec::new();
    if is_galera || is_group {
        cautions.push(
            "the database is a cluster in which several servers may write; let one of them take all writes to the outbox, or the events of a key lose their order",
        );
    }
    if number("innodb_flush_log_at_trx_commit").is_some_and(|setting| setting != 1) {
        cautions.push(
            "innodb_flush_log_at_trx_commit is not 1: a crash of the server may undo a transaction whose events were delivered",
        );
    }
    if number("auto_increment_increment").is_some_and(|step| 1 < step) {
        cautions.push(
            "auto_increment_increment is more than 1: every event leaves numbers out, which the relay looks for in vain; it costs time, and no event",
        );
    }
    if text("log_bin") == "ON" && text("binlog_format") == "STATEMENT" {
        cautions.push(
            "binlog_format is STATEMENT, in which the server refuses the relay's READ COMMITTED; set ROW or MIXED",
        );
    }
    cautions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_the_usual_settings_needs_no_word() {
        let settings =
            |list: &[(&str, &str)]| of(&list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect());
        let usual = [
            ("wsrep_on", "OFF"),
            ("wsrep_cluster_size", "0"),
            ("auto_increment_increment", "1"),
            ("innodb_flush_log_at_trx_commit", "1"),
            ("log_bin", "ON"),
            ("binlog_format", "MIXED"),
        ];
        assert_eq!(settings(&usual), [""; 0]);
        let mut others = 0;
        for (name, value) in
            [("auto_increment_increment", "3"), ("innodb_flush_log_at_trx_commit", "2"), ("binlog_format", "STATEMENT")]
        {
            let changed: Vec<_> = usual.iter().copied().chain([(name, value)]).collect();
            let cautions = settings(&changed);
            assert_eq!(cautions.len(), 1, "{name}: {cautions:?}");
            assert!(cautions[0].contains(name));
            others += 1;
        }
        assert_eq!(others, 3);
        assert_eq!(settings(&[("wsrep_on", "ON"), ("wsrep_cluster_size", "1")]), [""; 0]);
        assert_eq!(settings(&[("wsrep_on", "ON"), ("wsrep_cluster_size", "3")]).len(), 1);
    }
}
