//! The rights that a relay needs. The server has no function that tells a user's rights, so each is tried.

use sqlx::Row;

use super::{
    super::{
        Quotes,
        rights::{Lacking, grants},
    },
    queue::MySqlStore,
    statements::statement,
    work,
};
use crate::{EventError, outbox::Fault};

/// A statement for each right, which changes nothing. An `INSERT` of all columns also reads them.
const TRIED: [(&str, &[(&str, &str)]); 6] = [
    (
        "",
        &[
            ("SELECT", "SELECT 1 FROM {t} LIMIT 0"),
            ("INSERT", "INSERT INTO {t} SELECT * FROM {t} WHERE FALSE"),
            ("UPDATE", "UPDATE {t} SET attempts = 0 WHERE FALSE"),
            ("DELETE", "DELETE FROM {t} WHERE FALSE"),
        ],
    ),
    ("_dead_letters", MOVED),
    ("_published", MOVED),
    (
        "_relays",
        &[
            ("SELECT", "SELECT 1 FROM {t} LIMIT 0"),
            ("INSERT", "INSERT INTO {t} SELECT * FROM {t} WHERE FALSE"),
            ("UPDATE", "UPDATE {t} SET published = 0 WHERE FALSE"),
            ("DELETE", "DELETE FROM {t} WHERE FALSE"),
        ],
    ),
    ("_lanes", &[("SELECT", "SELECT 1 FROM {t} LIMIT 0"), ("UPDATE", "UPDATE {t} SET term = 0 WHERE FALSE")]),
    (
        "_order_locks",
        &[("SELECT", "SELECT 1 FROM {t} LIMIT 0"), ("UPDATE", "SELECT bucket FROM {t} WHERE FALSE FOR UPDATE")],
    ),
];

/// The rights on a table that rows are moved to.
const MOVED: &[(&str, &str)] = &[
    ("SELECT", "SELECT 1 FROM {t} LIMIT 0"),
    ("INSERT", "INSERT INTO {t} SELECT * FROM {t} WHERE FALSE"),
    ("UPDATE", "UPDATE {t} SET attempts = 0 WHERE FALSE"),
    ("DELETE", "DELETE FROM {t} WHERE FALSE"),
];

impl MySqlStore {
    /// The error with the statements that give the missing rights; the error itself where no right is missing.
    pub(super) async fn with_grant(&self, error: EventError) -> EventError {
        if !matches!(error, EventError::OutboxForbidden { .. }) {
            return error;
        }
        match self.lacking().await {
            Ok((user, lacking)) if !lacking.is_empty() => {
                EventError::OutboxForbidden { grant: grants(&lacking, &user), user }
            }
            _ => error,
        }
    }

    async fn lacking(&self) -> Result<(String, Vec<Lacking>), sqlx::Error> {
        let rows = work::rows(&self.pool, statement("SELECT current_user() AS name", &self.table)).await?;
        let name: String = rows.first().map_or(Err(sqlx::Error::RowNotFound), |row| row.try_get("name"))?;
        let mut lacking = Vec::new();
        for (suffix, tried) in TRIED {
            let table = Quotes::Backticks.quoted(&self.table, suffix);
            let mut rights = Vec::new();
            for (right, sql) in tried {
                let tried = work::rows(&self.pool, statement(&sql.replace("{t}", &table), &self.table)).await;
                if tried.is_err_and(|error| Fault::of(&error) == Fault::Forbidden) {
                    rights.push(*right);
                }
            }
            if !rights.is_empty() {
                lacking.push(Lacking { table, rights: rights.join(", ") });
            }
        }
        Ok((account(&name), lacking))
    }
}

/// `'app'@'%'`, as a statement names the user `app@%`.
fn account(name: &str) -> String {
    let (user, host) = name.rsplit_once('@').unwrap_or((name, "%"));
    format!("'{}'@'{}'", user.replace('\'', "''"), host.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::account;

    #[test]
    fn an_account_is_quoted() {
        assert_eq!(account("app@%"), "'app'@'%'");
        assert_eq!(account("o'app@x@10.0.%"), "'o''app@x'@'10.0.%'");
    }
}
